import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import compat32, default
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.channels.smtp_address import Address, read_address
from dunlin.channels.smtp_letter import Draft, html_of, message_id, write_letter

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
CORRELATION = "c" * 43
DRAFT = Draft(
    message_id=message_id(4711, CORRELATION),
    sender=read_address("billing@acme.example"),
    sender_name="Acme Inc.",
    to=read_address("bob@example.org"),
    reply_to=None,
    subject="Invoice 7 is due",
    text="Hello Bob,\n\nplease pay.\nThank you.",
    language="en",
    unsubscribe_url=f"https://dunlin.example/unsubscribe/{CORRELATION}",
)
TEXTS = st.text(max_size=400)
NAMES_OF_HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"),
    *("Content-Language", "MIME-Version", "Content-Type"),
}


def read(draft: Draft) -> EmailMessage:
    mail = message_from_bytes(write_letter(draft, NOW), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def body(draft: Draft, kind: str) -> str:
    part = read(draft).get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def shown(draft: Draft, name: str) -> str:
    """Return a line of the header as a person sees it."""
    value = message_from_bytes(write_letter(draft, NOW), policy=compat32)[name]
    return str(make_header(decode_header(value.replace("\r\n", ""))))


def one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split())


def test_the_header_says_what_mail_servers_want_to_know() -> None:
    mail = read(replace(DRAFT, reply_to=read_address("ask@acme.example")))

    assert mail["From"] == '"Acme Inc." <billing@acme.example>'
    assert mail["To"] == "bob@example.org"
    assert mail["Reply-To"] == "ask@acme.example"
    assert mail["Subject"] == "Invoice 7 is due"
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"] == f"<{DRAFT.message_id}@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == f"<https://dunlin.example/unsubscribe/{CORRELATION}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Content-Language"] == "en"
    assert mail.get_content_type() == "multipart/alternative"


def test_a_message_id_carries_the_reminder_and_fits() -> None:
    assert message_id(4711, "abc") == "4711.ba7816bf8f01cfea"
    assert len(message_id(2**63 - 1, CORRELATION)) <= 64


def test_the_plain_part_comes_first_and_the_best_one_last() -> None:
    kinds = [part.get_content_type() for part in read(DRAFT).iter_parts()]

    assert kinds == ["text/plain", "text/html"]


def test_a_long_subject_is_folded_without_a_change() -> None:
    subject = "Invoice " * 40 + "x"
    draft = replace(DRAFT, subject=subject)

    assert read(draft)["Subject"] == subject
    assert max(map(len, write_letter(draft, NOW).split(b"\r\n"))) < 200


@given(name=TEXTS, subject=TEXTS, text=TEXTS, language=TEXTS)
def test_nothing_that_is_written_in_a_mail_adds_to_its_header(
    name: str, subject: str, text: str, language: str
) -> None:
    draft = replace(DRAFT, sender_name=name, subject=subject, text=text, language=language)
    mail = read(draft)

    assert set(mail.keys()) <= NAMES_OF_HEADERS
    assert len(mail.keys()) == len(set(mail.keys()))
    assert not mail.defects
    assert mail["To"].addresses[0].addr_spec == "bob@example.org"
    assert [one.addr_spec for one in mail["From"].addresses] == ["billing@acme.example"]
    assert len(list(mail.iter_parts())) == 2


LINES = st.sampled_from(
    ["\r\nBcc: <eve@example.org>", "\nBcc: x", "\r\n\r\n<b>", "\rBcc: x", "\x0bBcc: x", "\u2028Bcc: x", "\x85Bcc: x"]
)


@given(before=TEXTS, injected=LINES, after=TEXTS)
def test_line_ends_in_a_name_or_a_subject_stay_in_their_line(before: str, injected: str, after: str) -> None:
    mail = read(replace(DRAFT, sender_name=before + injected + after, subject=before + injected + after))

    assert "Bcc" not in mail
    assert [one.addr_spec for one in mail["From"].addresses] == ["billing@acme.example"]
    assert len(list(mail.iter_parts())) == 2


@given(name=TEXTS, subject=TEXTS)
def test_names_and_subjects_in_any_script_arrive(name: str, subject: str) -> None:
    draft = replace(DRAFT, sender_name=name, subject=subject)

    assert shown(draft, "Subject") == one_line(subject)
    sender = shown(draft, "From")
    assert sender.endswith("<billing@acme.example>")
    phrase = sender.removesuffix("<billing@acme.example>").strip()
    if phrase.startswith('"') and one_line(name).isascii() and "=?" not in name and len(one_line(name)) < 60:
        phrase = re.sub(r"\\(.)", r"\1", phrase[1:-1])
    assert phrase == one_line(name)


@given(text=TEXTS)
def test_the_text_arrives_as_it_was_written(text: str) -> None:
    wanted = "\n".join(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", line) for line in text.splitlines())

    assert body(replace(DRAFT, text=text), "plain") == wanted + "\n"


@given(
    name=st.text(max_size=3000),
    subject=st.text(max_size=3000),
    text=st.text(max_size=3000) | st.integers(1, 3000).map(lambda number: "x" * number),
    reply=st.booleans(),
)
def test_every_line_is_ascii_ends_with_crlf_and_is_short(name: str, subject: str, text: str, reply: bool) -> None:
    reply_to = read_address("a" * 64 + "@" + "b" * 60 + ".example") if reply else None
    letter = write_letter(replace(DRAFT, sender_name=name, subject=subject, text=text, reply_to=reply_to), NOW)

    assert letter.isascii()
    assert letter.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", letter)
    assert max(map(len, letter.split(b"\r\n"))) <= 200


def test_a_text_of_dots_and_lines_like_boundaries_arrives() -> None:
    text = f".\n..\n--=_{DRAFT.message_id}\n--=_{DRAFT.message_id}--\nFrom here\n   \n. "

    assert body(replace(DRAFT, text=text), "plain") == text + "\n"


@pytest.mark.parametrize("text", ["日本語" * 50, "Ünïcode " * 50, "plain " * 50], ids=["base64", "quoted", "ascii"])
def test_each_script_is_encoded_and_read_again(text: str) -> None:
    assert body(replace(DRAFT, text=text), "plain") == text + "\n"


def test_an_address_in_another_script_stands_in_utf_8_and_says_so() -> None:
    draft = replace(DRAFT, to=Address("bjørn", "example.org"))

    assert draft.needs_utf8
    assert not DRAFT.needs_utf8
    assert "To: <bjørn@example.org>\r\n".encode() in write_letter(draft, NOW)


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


def test_paragraphs_and_lines_are_kept_on_the_page() -> None:
    page = Page(html_of("Hello Bob,\n\nplease pay.\nThank you.\n \n\n\nAcme", "en"))

    assert [tag for tag, _ in page.tags if tag in ("p", "br")] == ["p", "p", "br", "p"]
    assert page.text.split() == ["Hello", "Bob,", "please", "pay.", "Thank", "you.", "Acme"]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        pytest.param("See https://x.example/a?b=1&c=2.", ["https://x.example/a?b=1&c=2"], id="query-and-full-stop"),
        pytest.param("(http://x.example/a)", ["http://x.example/a"], id="in-brackets"),
        pytest.param("https://a.example https://b.example!", ["https://a.example", "https://b.example"], id="two"),
        pytest.param('https://x.example/"onclick="evil()', ["https://x.example/"], id="quotes"),
        pytest.param("javascript:alert(1) ftp://x.example www.x.example", [], id="others"),
        pytest.param("https://", ["https://"], id="an-empty-one"),
    ],
)
def test_addresses_of_pages_can_be_clicked_on(text: str, links: list[str]) -> None:
    page = Page(html_of(text, "en"))

    assert [link for link in page.links if link != "https://"] == [link for link in links if link != "https://"]
    assert page.text.strip() == text


@given(text=st.text(), language=st.text(max_size=20))
def test_a_text_becomes_a_page_that_shows_just_that_and_loads_nothing(text: str, language: str) -> None:
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]", "", text)
    page = Page(html_of(text, language))

    assert {tag for tag, _ in page.tags} <= {"html", "head", "meta", "body", "p", "br", "a"}
    assert {name for _, attributes in page.tags for name in attributes} <= {"lang", "dir", "style", "charset", "href"}
    assert "".join(page.text.split()) == "".join(text.split())


@given(
    st.sampled_from(["<script>", "&amp;", "<img src=x onerror=y>", "</p></body>", "<a href='javascript:x'>", "&#60;"])
)
def test_marks_in_a_text_stay_text(marks: str) -> None:
    page = Page(html_of(f"a {marks} b", "en"))

    assert page.text.strip() == f"a {marks} b"


@pytest.mark.parametrize(
    ("language", "direction"),
    [("ar", "rtl"), ("he-IL", "rtl"), ("fa", "rtl"), ("az-Arab", "rtl"), ("en", None), ("de-AT", None), ("", None)],
)
def test_a_page_is_written_in_the_direction_of_its_language(language: str, direction: str | None) -> None:
    page = Page(html_of("x", language))

    assert page.tags[0] == ("html", {"lang": language} | ({"dir": direction} if direction else {}))
