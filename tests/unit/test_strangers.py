"""Bad tokens from one network address are looked at so often, and then only at times."""

import pytest
from structlog.testing import capture_logs

from dunlin.api.strangers import AT_ONCE, PER_SECOND, Strangers

HERE, ELSEWHERE = "203.0.113.7", "203.0.113.8"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def after(bad: int, address: str = HERE) -> tuple[Strangers, Clock]:
    clock = Clock()
    strangers = Strangers(clock)
    for _ in range(bad):
        strangers.note_bad(address)
    return strangers, clock


def test_some_bad_tokens_are_looked_at_and_then_no_more() -> None:
    few, _ = after(AT_ONCE - 1)
    many, _ = after(AT_ONCE)

    assert (few.wait_of("new", HERE), many.wait_of("new", HERE)) == (0.0, 1 / PER_SECOND)


def test_they_are_looked_at_again_after_a_while() -> None:
    strangers, clock = after(AT_ONCE)
    clock.now += 1 / PER_SECOND

    assert strangers.wait_of("new", HERE) == 0.0
    strangers.note_bad(HERE)
    assert strangers.wait_of("new", HERE) > 0


def test_other_addresses_do_not_wait() -> None:
    strangers, _ = after(AT_ONCE)

    assert strangers.wait_of("new", ELSEWHERE) == 0.0
    assert strangers.wait_of("new", None) == 0.0


def test_an_ipv6_client_is_given_a_whole_network() -> None:
    strangers, _ = after(AT_ONCE, "2001:db8:1:2::3")

    assert strangers.wait_of("new", "2001:db8:1:2:ffff::9") > 0
    assert strangers.wait_of("new", "2001:db8:1:3::3") == 0.0


def test_who_was_let_in_before_does_not_wait_for_strangers_at_the_same_address() -> None:
    strangers, _ = after(AT_ONCE - 1)
    strangers.note_good("known")
    strangers.note_bad(HERE)

    assert strangers.wait_of("known", HERE) == 0.0
    assert strangers.wait_of("new", HERE) > 0


def test_what_is_remembered_is_bounded() -> None:
    strangers, _ = after(0)
    for place in range(10_100):
        strangers.note_good(str(place))
        strangers.note_bad(f"10.{place // 65536}.{place // 256 % 256}.{place % 256}")

    assert (len(strangers._friends), len(strangers._forgiven_at)) == (10_000, 10_000)


def test_a_good_token_gets_in_soon_however_many_bad_ones_came() -> None:
    strangers, clock = after(AT_ONCE)
    looked_at = 0
    for _ in range(1_000):
        clock.now += 0.01
        if strangers.wait_of("new", HERE) == 0.0:
            looked_at += 1
            strangers.note_bad(HERE)

    assert 70 <= looked_at <= 90, "in ten seconds"


@pytest.mark.parametrize(
    ("address", "warnings"), [("127.0.0.1", 1), ("10.1.2.3", 1), ("fd00::1", 1), ("8.8.8.8", 0), ("testclient", 0)]
)
def test_a_proxy_that_is_not_trusted_is_warned_of_once(address: str, warnings: int) -> None:
    with capture_logs() as few:
        strangers, _ = after(AT_ONCE - 1, address)
    with capture_logs() as logged:
        for _ in range(10):
            strangers.note_bad(address)

    assert few == []
    assert [entry["log_level"] for entry in logged] == ["warning"] * warnings
