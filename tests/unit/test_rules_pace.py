import pytest

from dunlin.domain.carrier import Sender, SenderKind
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.rules.pace import segments_per_second

NUMBER, NAME, SERVICE = SenderKind.PHONE_NUMBER, SenderKind.ALPHANUMERIC, SenderKind.MESSAGING_SERVICE


@pytest.mark.parametrize(
    ("sender", "rate"),
    [
        pytest.param(Sender(NUMBER, "+14155552671"), 0.8, id="a-number-of-the-united-states"),
        pytest.param(Sender(NUMBER, "+16135550123"), 0.8, id="a-number-of-canada"),
        pytest.param(Sender(NUMBER, "+18005550199"), 2.4, id="a-toll-free-number"),
        pytest.param(Sender(NUMBER, "+447700900123"), 8.0, id="a-number-elsewhere"),
        pytest.param(Sender(NAME, "Waterworks"), 8.0, id="a-name"),
        pytest.param(Sender(SERVICE, "MG" + "a" * 32), 80.0, id="a-messaging-service"),
    ],
)
def test_each_kind_of_sender_keeps_below_what_its_carrier_lets_through(sender: Sender, rate: float) -> None:
    assert segments_per_second(IntegrationProvider.TWILIO, sender) == pytest.approx(rate)


def test_the_sandbox_takes_whatever_comes() -> None:
    assert segments_per_second(IntegrationProvider.SANDBOX, Sender(NUMBER, "+15005550006")) is None
