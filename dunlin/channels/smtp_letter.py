"""The e-mail itself, as it goes over the wire.

It is written here and not by `email`, whose folding of names and subjects differs from one Python to the next and in
some loses signs, and which takes milliseconds for each, on the loop that sends.
"""

import base64
import binascii
import html
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from hashlib import sha256

from dunlin.channels.smtp_address import Address

_LINE = 76
_LINK = re.compile(r"https?://[^\s<>\"']+")
_AFTER_LINK = ".,;:!?)]}*_\u00bb\u201d\u2019\u2026"
_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in an e-mail. `unsubscribe_url` takes the recipient out at one POST (RFC 8058)."""

    message_id: str
    sender: Address
    sender_name: str
    to: Address
    reply_to: Address | None
    subject: str
    text: str
    language: str
    unsubscribe_url: str

    @property
    def needs_utf8(self) -> bool:
        """Whether an address in it can be written only where the server takes UTF-8 (RFC 6531)."""
        return any(one is not None and one.needs_utf8 for one in (self.sender, self.to, self.reply_to))


def message_id(reminder_id: int, correlation: str) -> str:
    """Return what stands before the @ of the Message-ID: at most 64 characters."""
    return f"{reminder_id}.{sha256(correlation.encode()).hexdigest()[:16]}"


def write_letter(draft: Draft, now: datetime) -> bytes:
    """Return the e-mail with CRLF at the end of every line, none longer than 998 bytes. Dots are not doubled."""
    lines = [
        _mailbox_line("From", draft.sender, draft.sender_name),
        f"To: <{draft.to}>",
        *([f"Reply-To: <{draft.reply_to}>"] if draft.reply_to else []),
        _text_line("Subject", draft.subject),
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{draft.message_id}@{draft.sender.domain}>",
        "Auto-Submitted: auto-generated",
        f"List-Unsubscribe: <{draft.unsubscribe_url}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        *([f"Content-Language: {draft.language}"] if _LANGUAGE.fullmatch(draft.language) else []),
        "MIME-Version: 1.0",
        *_body(draft),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _body(draft: Draft) -> list[str]:
    text = _UNWRITABLE.sub("", "\n".join(draft.text.splitlines()))
    # Neither encoding of a part can hold "=_".
    boundary = f"=_{draft.message_id}"
    return [
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_part("plain", text),
        f"--{boundary}",
        *_part("html", html_of(text, draft.language)),
        f"--{boundary}--",
    ]


def _part(subtype: str, text: str) -> list[str]:
    content = f"{text}\n".encode()
    quoted, compact = binascii.b2a_qp(content), base64.encodebytes(content)
    name, encoded = ("quoted-printable", quoted) if len(quoted) <= len(compact) else ("base64", compact)
    return [
        f'Content-Type: text/{subtype}; charset="utf-8"',
        f"Content-Transfer-Encoding: {name}",
        "",
        *encoded.decode().split("\n"),
    ]


def _mailbox_line(name: str, address: Address, shown: str) -> str:
    shown = _one_line(shown)
    if not shown:
        return f"{name}: <{address}>"
    if shown.isascii() and len(shown) < 60 and "=?" not in shown:
        quoted = shown.replace("\\", r"\\").replace('"', r"\"")
        return f'{name}: "{quoted}"\r\n <{address}>'
    return f"{name}: {_encoded_words(shown, name)}\r\n <{address}>"


def _text_line(name: str, text: str) -> str:
    text = _one_line(text)
    words = text.split(" ")
    if not text.isascii() or "=?" in text or max(map(len, words)) > _LINE - len(name) - 2:
        return f"{name}: {_encoded_words(text, name)}"
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _encoded_words(text: str, name: str) -> str:
    """Return `text` as RFC 2047 wants what is not plain ASCII, folded."""
    return Header(text, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")


def _one_line(text: str) -> str:
    """Return `text` without what could end a header's line, and without blanks that folding would change."""
    return " ".join(_UNWRITABLE.sub(" ", text).split())


def html_of(text: str, language: str) -> str:
    """Return a page that shows `text` as it stands, its addresses to click on, and loads nothing."""
    paragraphs = [paragraph.strip("\n") for paragraph in re.split(r"\n[ \t]*\n", text)]
    shown = "\n".join(f'<p style="margin:0 0 1em">{_shown(one)}</p>' for one in paragraphs if one.strip())
    direction = ' dir="rtl"' if _is_right_to_left(language) else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{html.escape(language)}"{direction}>\n'
        '<head><meta charset="utf-8"></head>\n'
        '<body style="margin:0;padding:16px;font-family:sans-serif;font-size:16px;line-height:1.5;max-width:40em">\n'
        f"{shown}\n</body>\n</html>\n"
    )


def _is_right_to_left(language: str) -> bool:
    tags = language.casefold().split("-")
    return tags[0] in _RIGHT_TO_LEFT or "arab" in tags or "hebr" in tags


def _shown(paragraph: str) -> str:
    parts, end = [], 0
    for found in _LINK.finditer(paragraph):
        url = found[0].rstrip(_AFTER_LINK)
        parts += [html.escape(paragraph[end : found.start()]), f'<a href="{html.escape(url)}">{html.escape(url)}</a>']
        end = found.start() + len(url)
    parts.append(html.escape(paragraph[end:]))
    return "".join(parts).replace("\n", "<br>\n")
