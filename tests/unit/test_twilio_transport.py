from datetime import UTC, datetime, timedelta

import pytest

from dunlin.channels.twilio_transport import Transport, retry_after, sending_client
from dunlin.domain.carrier import TwilioCredentials

NOW = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
MESSAGES = "/2010-04-01/Accounts/AC1/Messages.json"


@pytest.mark.parametrize(
    ("twilio", "ours"),
    [
        pytest.param("https://api.twilio.com" + MESSAGES, MESSAGES, id="the-api-is-the-root"),
        pytest.param(
            "https://messaging.twilio.com/v1/Services/MG1",
            "/messaging/v1/Services/MG1",
            id="another-product-is-a-folder",
        ),
        pytest.param(
            "https://pricing.twilio.com/v1/Messaging?Page=1",
            "/pricing/v1/Messaging?Page=1",
            id="the-query-is-kept",
        ),
        pytest.param("https://api.dublin.ie1.twilio.com/x", "/x", id="a-region-does-not-escape"),
    ],
)
def test_a_base_address_takes_the_place_of_every_host_of_twilio(twilio: str, ours: str) -> None:
    assert Transport("http://127.0.0.1:9/sandbox").rebase(twilio) == "http://127.0.0.1:9/sandbox" + ours


@pytest.mark.parametrize("url", ["https://api.twilio.com" + MESSAGES, "https://messaging.twilio.com/v1/Services"])
def test_without_a_base_address_twilio_itself_is_called(url: str) -> None:
    assert Transport().rebase(url) == url


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        pytest.param(None, None, id="no-header"),
        pytest.param("7", timedelta(seconds=7), id="seconds"),
        pytest.param("Mon, 24 Nov 2025 09:01:30 GMT", timedelta(seconds=90), id="a-date"),
        pytest.param("Mon, 24 Nov 2025 09:01:30 -0000", timedelta(seconds=90), id="a-date-without-a-zone"),
        pytest.param("Mon, 24 Nov 2025 08:59:00 GMT", timedelta(0), id="a-date-gone-by"),
        pytest.param("99999999999999999999", None, id="more-than-time-can-hold"),
        pytest.param("31536000", timedelta(days=1), id="a-year-becomes-a-day"),
        pytest.param("-5", None, id="a-negative-number"),
        pytest.param("soon", None, id="words"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, wait: timedelta | None) -> None:
    assert retry_after(header, NOW) == wait


def test_the_environment_moves_nobody_to_another_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")

    client = sending_client(TwilioCredentials("AC1", "secret"), Transport())

    assert client.get_hostname("https://api.twilio.com/x") == "https://api.twilio.com/x"
