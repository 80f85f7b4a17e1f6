import pytest

from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.segments import Encoded, encode

GSM_7, UCS_2 = SmsEncoding.GSM_7, SmsEncoding.UCS_2
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1ea\U0001f1ea"

# Agrees with Twilio's calculator, version 1.2.0.
TABLE = {
    "160 letters fit one segment": ("A" * 160, GSM_7, 1),
    "161 letters need two": ("A" * 161, GSM_7, 2),
    "306 letters fit two": ("A" * 306, GSM_7, 2),
    "307 letters need three": ("A" * 307, GSM_7, 3),
    "a euro sign counts two": ("A" * 158 + "€", GSM_7, 1),
    "160 characters with a euro sign need two": ("A" * 159 + "€", GSM_7, 2),
    "a euro sign is not split over two segments": ("A" * 152 + "€" + "A" * 152, GSM_7, 3),
    "80 brackets fit one": ("[" * 80, GSM_7, 1),
    "152 brackets fit two": ("[" * 152, GSM_7, 2),
    "153 brackets need three": ("[" * 153, GSM_7, 3),
    "a backtick is not GSM-7": ("`", UCS_2, 1),
    "a curly quote and 69 letters fit one": ("\u2019" + "A" * 69, UCS_2, 1),
    "a curly quote and 70 letters need two": ("\u2019" + "A" * 70, UCS_2, 2),
    "an emoji counts two": ("\U0001f600" + "A" * 68, UCS_2, 1),
    "an emoji and 69 letters need two": ("\U0001f600" + "A" * 69, UCS_2, 2),
    "an emoji is not split over two segments": ("A" * 66 + "\U0001f600" + "A" * 66, UCS_2, 3),
    "a family counts eleven": (FAMILY + "A" * 59, UCS_2, 1),
    "a family and 60 letters need two": (FAMILY + "A" * 60, UCS_2, 2),
    "the large cedilla is GSM-7": ("Ç" * 160, GSM_7, 1),
    "the small cedilla is not": ("ç", UCS_2, 1),
    "a composed accent is GSM-7": ("é" * 160, GSM_7, 1),
    "an accent on its own is not": ("cafe\u0301", UCS_2, 1),
    "a line end of two characters counts two": ("A" * 158 + "\r\n", GSM_7, 1),
    "a no-break space makes the text three segments": ("A" * 159 + "\u00a0", UCS_2, 3),
    "70 Cyrillic letters fit one": ("ж" * 70, UCS_2, 1),
    "71 Cyrillic letters need two": ("ж" * 71, UCS_2, 2),
    "a Greek delta is GSM-7": ("Δ" * 160, GSM_7, 1),
    "a Greek alpha is not": ("\u0391", UCS_2, 1),
    "a form feed counts two": ("A" * 159 + "\f", GSM_7, 2),
    "a heart with a variation selector fits one": ("❤\ufe0f", UCS_2, 1),
    "nothing counts as one": ("", GSM_7, 1),
    "1600 letters need eleven": ("A" * 1600, GSM_7, 11),
    "1600 Cyrillic letters need 24": ("ж" * 1600, UCS_2, 24),
    "a flag is not split over two segments": ("A" * 65 + FLAG + "A" * 65, UCS_2, 3),
    "the second half of one flag and the first of the next may part": ("A" * 63 + FLAG * 17, UCS_2, 2),
    "a family is not split over two segments": ("A" * 60 + FAMILY + "A" * 60, UCS_2, 3),
    "a skin tone stays with its hand": ("A" * 65 + "\U0001f44b\U0001f3fd" + "A" * 65, UCS_2, 3),
    "an accent stays with its letter": ("ж" * 66 + "x\u0301" + "ж" * 66, UCS_2, 3),
    "a line end of two characters may be split": ("ж" * 66 + "\r\n" + "ж" * 66, UCS_2, 2),
    "what is longer than a segment is split": ("x" + "\u0301" * 133, UCS_2, 2),
}


@pytest.mark.parametrize(("text", "encoding", "segments"), TABLE.values(), ids=TABLE.keys())
def test_a_text_is_encoded_and_counted_as_the_carrier_will(text: str, encoding: SmsEncoding, segments: int) -> None:
    encoded = encode(text)

    assert (encoded.encoding, encoded.segments) == (encoding, segments)


def test_the_characters_that_force_ucs_2_are_named_once_in_the_order_of_the_text() -> None:
    assert encode("“Ça va, ç’est ç” €") == Encoded(UCS_2, 1, ("“", "ç", "’", "”"))  # noqa: RUF001


def test_a_text_in_gsm_7_has_no_offending_characters() -> None:
    assert encode("Beste, € 12,50 [klant]").offending_characters == ()


def test_what_is_not_gsm_7_counts_alike_whatever_the_character() -> None:
    assert {encode(character).encoding for character in "`\t áíóúâêõ–—…°µΩ"} == {GSM_7, UCS_2}  # noqa: RUF001
    assert all(encode(character).encoding is UCS_2 for character in "`\tçáíóúâêõ–—…°µ\u2126\u00a0")  # noqa: RUF001
