import base64

import pytest

from dunlin.api.ids import MalformedId, decode_any, decode_id, encode_id

LARGEST = 2**63 - 1


def encoded(plain: str) -> str:
    return base64.b64encode(plain.encode()).decode()


@pytest.mark.parametrize("row_id", [1, 42, LARGEST])
@pytest.mark.parametrize("type_name", ["Organization", "CollectionCase", "Reminder"])
def test_an_id_comes_back_as_the_row_it_was_made_of(type_name: str, row_id: int) -> None:
    made = encode_id(type_name, row_id)

    assert decode_id(type_name, made) == row_id
    assert decode_any(made) == (type_name, row_id)


def test_an_id_is_stable_because_clients_store_it() -> None:
    assert encode_id("Organization", 1) == "T3JnYW5pemF0aW9uOjE="


def test_an_id_of_another_type_is_refused_by_the_type_that_is_wanted() -> None:
    reminder = encode_id("Reminder", 1)

    with pytest.raises(MalformedId, match=r"^This is no id of a CollectionCase\. Ids come from this API"):
        decode_id("CollectionCase", reminder)


GARBAGE = {
    "nothing": "",
    "a number": "1",
    "plain text": "Organization:1",
    "no base64": "T3JnYW5pemF0aW9uOjE=!",
    "half of its padding": "T3JnYW5pemF0aW9uOjE",
    "a line end": "T3JnYW5pemF0aW9uOjE=\n",
    "letters that base64 does not have": "Ünïcode=",
    "bytes that are no text": base64.b64encode(b"\xff\xfe\xfd").decode(),
    "no number": encoded("Organization:"),
    "no type": encoded(":1"),
    "a word for a number": encoded("Organization:one"),
    "zero": encoded("Organization:0"),
    "a negative number": encoded("Organization:-1"),
    "a leading zero": encoded("Organization:01"),
    "digits of another script": encoded("Organization:\u0661"),
    "a space": encoded("Organization: 1"),
    "a line end inside": encoded("Organization:1\n"),
    "more after the number": encoded("Organization:1:2"),
    "one more than the database can count": encoded(f"Organization:{LARGEST + 1}"),
    "a number of nineteen nines": encoded("Organization:" + "9" * 19),
    "a huge number": encoded("Organization:" + "9" * 5_000),
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_id_is_refused(text: str) -> None:
    assert decode_any(text) is None
    with pytest.raises(MalformedId) as refused:
        decode_id("Organization", text)
    assert refused.value.wanted == "Organization"
