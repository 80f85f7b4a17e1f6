import base64

import pytest

from dunlin.api.errors import ClientError
from dunlin.api.pages import DEFAULT_PAGE, MAX_PAGE, Order, Window

CASES = Order("cases")
REMINDERS = Order("reminders", newest_first=True)
NO_CURSOR = r"^This is no cursor of this list\. Cursors are given back unchanged\.$"


@pytest.mark.parametrize("key", [0, 1, 42, 2**63 - 1])
@pytest.mark.parametrize("order", [CASES, REMINDERS, Order("case-steps", "position")], ids=lambda order: order.name)
def test_a_cursor_comes_back_as_the_key_it_was_made_of(order: Order, key: int) -> None:
    assert order.key(order.cursor(key)) == key


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(ClientError, match=NO_CURSOR) as refused:
        CASES.key(REMINDERS.cursor(1))

    assert refused.value.extensions == {"code": "BAD_USER_INPUT"}


def encoded(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode()


GARBAGE = {
    "nothing": "",
    "a number": "1",
    "plain text": "cases:1",
    "no base64": "!",
    "letters that base64 does not have": "Ünïcode",
    "half of a letter pair": "\ud800",
    "bytes that are no text": base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    "no key": encoded("cases:"),
    "a negative key": encoded("cases:-1"),
    "a word for a key": encoded("cases:one"),
    "digits of another script": encoded("cases:\u0661"),
    "one more than the database can count": encoded(f"cases:{2**63}"),
    "a huge key": encoded("cases:" + "9" * 5_000),
    "more after the key": encoded("cases:1:2"),
}


@pytest.mark.parametrize("cursor", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ClientError, match=NO_CURSOR):
        CASES.key(cursor)


SIZES = {
    "as many as asked for from the front": (Window(10, None, None, None), 10),
    "as many as asked for from the end": (Window(None, None, 10, None), 10),
    "one": (Window(1, None, None, None), 1),
    "the most there may be": (Window(MAX_PAGE, None, None, None), 100),
    "fifty when nothing is asked": (Window(None, None, None, None), DEFAULT_PAGE),
    "fifty after a cursor": (Window(None, CASES.cursor(1), None, None), 50),
}


@pytest.mark.parametrize(("window", "size"), SIZES.values(), ids=SIZES.keys())
def test_a_page_holds(window: Window, size: int) -> None:
    assert window.size == size


REFUSED = {
    "first and last": (Window(1, None, 1, None), "Give first or last, not both."),
    "none from the front": (Window(0, None, None, None), "first is 1 to 100, not 0."),
    "fewer than none": (Window(-1, None, None, None), "first is 1 to 100, not -1."),
    "too many from the front": (Window(101, None, None, None), "first is 1 to 100, not 101."),
    "none from the end": (Window(None, None, 0, None), "last is 1 to 100, not 0."),
    "too many from the end": (Window(None, None, 101, None), "last is 1 to 100, not 101."),
}


@pytest.mark.parametrize(("window", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_page_may_not_ask_for(window: Window, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        _ = window.size

    assert refused.value.message == message
    assert refused.value.extensions == {"code": "BAD_USER_INPUT"}
