import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.sandbox.mail_content import UnreadableMail, kept_content, read_content

PIECES = st.sampled_from(
    (
        b"From: |Reply-To: |Subject: |Message-ID: |List-Unsubscribe: <http://|Content-Type: "
        b"|multipart/mixed; boundary=x|text/html; charset=|utf-8|--x|--x--|=?utf-8?b?|?="
        b"|Content-Transfer-Encoding: base64|message/rfc822|\r\n\r\n|"
        b'\r\n|\r|<|>|@|"|(|;|\xff|\x00'
    ).split(b"|")
)
MESSAGES = st.lists(PIECES | st.binary(max_size=8), max_size=25).map(b"".join)


@given(MESSAGES)
def test_whatever_comes_is_read_or_refused_and_can_be_written_down(raw: bytes) -> None:
    try:
        content = read_content(raw)
    except UnreadableMail:
        return
    for value in (content.from_name, content.from_address, content.reply_to, content.subject, content.text):
        value.encode()
    for name, value in content.headers:
        f"{name}{value}{content.html}{content.message_id}{content.unsubscribe_url}".encode()


@pytest.mark.parametrize(
    ("header", "post", "url", "is_one_click"),
    [
        pytest.param(
            "<https://a.example/u?x=1>", "List-Unsubscribe=One-Click", "https://a.example/u?x=1", True, id="web"
        ),
        pytest.param(
            "<mailto:a@b.example>, <HTTPS://a.example/u>",
            "list-unsubscribe = one-click",
            "HTTPS://a.example/u",
            True,
            id="web after mail",
        ),
        pytest.param("<https://a.example/u>", "", "https://a.example/u", False, id="no one-click"),
        pytest.param("<mailto:a@b.example>", "List-Unsubscribe=One-Click", "", False, id="mail alone"),
        pytest.param("https://a.example/u", "List-Unsubscribe=One-Click", "", False, id="no angle brackets"),
        pytest.param("<javascript:alert(1)>", "List-Unsubscribe=One-Click", "", False, id="no web address"),
    ],
)
def test_one_click_needs_a_web_address_and_the_second_header(
    header: str, post: str, url: str, is_one_click: bool
) -> None:
    raw = f"List-Unsubscribe: {header}\r\n" + (f"List-Unsubscribe-Post: {post}\r\n" if post else "") + "\r\n"
    content = read_content(raw.encode())
    assert (content.unsubscribe_url, content.is_one_click) == (url, is_one_click)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"From: " + b",\r\n ".join([b"a@b.example"] * 60_000) + b"\r\n\r\n", id="too many addresses"),
        pytest.param(b"From: " + b"\r\n ".join([b"(" * 900] * 30) + b"\r\n\r\n", id="too deep a comment"),
        pytest.param(b"Content-Type: text/plain; charset=none\r\n\r\nhm", id="no such charset"),
    ],
)
def test_what_would_take_for_ever_or_break_the_parser_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableMail):
        read_content(raw)


def test_encoded_words_and_folded_lines_are_read() -> None:
    long = "https://a.example/" + "u" * 100
    raw = (
        "From: =?utf-8?q?M=C3=BCller?= <m@a.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n an alle\r\n"
        f"List-Unsubscribe:\r\n <{long}>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    ).encode() + b"Gr\xfc\xdfe"
    content = read_content(raw)
    assert (content.from_name, content.subject, content.text) == ("Müller", "Grüße an alle", "Grüße")
    assert content.unsubscribe_url == long


def test_of_a_kept_mail_that_cannot_be_read_any_more_the_bytes_are_shown() -> None:
    content = kept_content(b"Content-Type: text/plain; charset=none\r\n\r\nhm")
    assert content.text.endswith("hm")
