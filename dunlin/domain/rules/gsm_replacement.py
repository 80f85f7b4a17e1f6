"""What to write instead of a character that GSM-7 lacks, so that a text costs less."""

import unicodedata

from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.segments import encode

_INSTEAD = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u00b4\u02b9\u02bb\u02bc`", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-"),
    **dict.fromkeys("\u2022\u00b7\u2219\u25cf\u25aa", "*"),
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),  # nothing can be seen of them
    "\u2039": "<",
    "\u203a": ">",
    "\u00d7": "x",
    "\u0142": "l",
    "\u0141": "L",
    "\u0111": "d",
    "\u0110": "D",
    "\u0131": "i",
    "\u0153": "oe",
    "\u0152": "OE",
}


def replacement(character: str) -> str | None:
    """Return what says the same in GSM-7, e.g. c for ç and ' for ’; None where there is nothing natural."""  # noqa: RUF002
    if character in _INSTEAD:
        return _INSTEAD[character]
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(_INSTEAD.get(part, part) for part in parts if not unicodedata.combining(part))
    is_written = bool(letters.strip()) or character.isspace()
    return letters if is_written and encode(letters).encoding is SmsEncoding.GSM_7 else None
