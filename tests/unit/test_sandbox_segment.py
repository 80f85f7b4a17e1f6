import pytest

from dunlin.sandbox.segment import count_segments, is_gsm7

FAMILY = "\U0001f468‍\U0001f469‍\U0001f467‍\U0001f466"

# text, is GSM-7, segments; agrees with Twilio's calculator, version 1.2.0.
TABLE = {
    "the longest single text": ("A" * 160, True, 1),
    "one more": ("A" * 161, True, 2),
    "the longest double text": ("A" * 306, True, 2),
    "one more than double": ("A" * 307, True, 3),
    "a euro sign takes two": ("A" * 158 + "€", True, 1),
    "a euro sign too many": ("A" * 159 + "€", True, 2),
    "a euro sign is not split": ("A" * 152 + "€" + "A" * 152, True, 3),
    "80 brackets": ("[" * 80, True, 1),
    "152 brackets": ("[" * 152, True, 2),
    "153 brackets": ("[" * 153, True, 3),
    "a backtick": ("`", False, 1),
    "a curly quote and 69": ("’" + "A" * 69, False, 1),  # noqa: RUF001
    "a curly quote and 70": ("’" + "A" * 70, False, 2),  # noqa: RUF001
    "an emoji and 68": ("\U0001f600" + "A" * 68, False, 1),
    "an emoji and 69": ("\U0001f600" + "A" * 69, False, 2),
    "an emoji is not split": ("A" * 66 + "\U0001f600" + "A" * 66, False, 3),
    "a family and 59": (FAMILY + "A" * 59, False, 1),
    "a family and 60": (FAMILY + "A" * 60, False, 2),
    "a capital cedilla": ("Ç" * 160, True, 1),
    "a small cedilla": ("ç", False, 1),
    "accents in one character": ("é" * 160, True, 1),
    "accents apart": ("cafe\u0301", False, 1),
    "a line end takes two": ("A" * 158 + "\r\n", True, 1),
    "a no-break space": ("A" * 159 + "\u00a0", False, 3),
    "70 Cyrillic": ("ж" * 70, False, 1),
    "71 Cyrillic": ("ж" * 71, False, 2),
    "a Greek delta": ("Δ" * 160, True, 1),
    "a Greek alpha": ("\u0391", False, 1),
    "a form feed takes two": ("A" * 159 + "\f", True, 2),
    "a heart with a variation": ("❤\ufe0f", False, 1),
    "nothing": ("", True, 1),
    "the longest text": ("A" * 1600, True, 11),
    "the longest Cyrillic text": ("ж" * 1600, False, 24),
}


@pytest.mark.parametrize(("text", "gsm7", "segments"), TABLE.values(), ids=TABLE.keys())
def test_a_text_takes_as_many_segments_as_twilio_counts(text: str, gsm7: bool, segments: int) -> None:
    assert (is_gsm7(text), count_segments(text)) == (gsm7, segments)
