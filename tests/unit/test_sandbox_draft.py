from datetime import UTC, datetime

import pytest

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.draft import Draft, read_draft
from dunlin.sandbox.message import Status
from dunlin.sandbox.refusal import Refusal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERVICE, EMPTY_SERVICE = "MG" + "1" * 32, "MG" + "2" * 32
ACCOUNT = Account(
    sid="AC" + "a" * 32,
    auth_token="a" * 32,
    phone_numbers=("+447700900123",),
    short_codes=("12345",),
    messaging_services=(
        MessagingService(sid=SERVICE, phone_numbers=("+447700900123",)),
        MessagingService(sid=EMPTY_SERVICE),
    ),
)
OTHER = Account(sid="AC" + "b" * 32, auth_token="b" * 32, phone_numbers=("+447700900124",))
TEST = Account(sid="AC" + "c" * 32, auth_token="c" * 32, phone_numbers=("+447700900125",), is_test=True)
GOOD = {"To": "+447700900999", "From": "+447700900123", "Body": "Please pay"}
BY_SERVICE = {"To": "+447700900999", "MessagingServiceSid": SERVICE, "Body": "Please pay"}

REFUSED: dict[str, tuple[int, dict[str, str]]] = {
    "no To": (21604, GOOD | {"To": ""}),
    "no sender": (21603, GOOD | {"From": ""}),
    "no body": (21602, GOOD | {"Body": ""}),
    "1,601 characters": (21617, GOOD | {"Body": "A" * 1601}),
    "a To without a plus": (21211, GOOD | {"To": "447700900999"}),
    "a To with spaces": (21211, GOOD | {"To": "+44 7700 900999"}),
    "a To in other digits": (21211, GOOD | {"To": "+٤٤٧٧٠٠٩٠٠٩٩٩"}),
    "a To that is the From": (21266, GOOD | {"To": "+447700900123"}),
    "a From that nobody has": (21659, GOOD | {"From": "+447700900777"}),
    "a From of another account": (21660, GOOD | {"From": "+447700900124"}),
    "a From that is no sender": (21212, GOOD | {"From": "a name that is too long"}),
    "a name without the right to one": (21606, GOOD | {"From": "Dunlin"}),
    "a service of the wrong shape": (21705, BY_SERVICE | {"MessagingServiceSid": "MG1"}),
    "a service that nobody has": (21701, BY_SERVICE | {"MessagingServiceSid": "MG" + "9" * 32}),
    "a service without numbers": (21704, BY_SERVICE | {"MessagingServiceSid": EMPTY_SERVICE}),
    "a From outside its service": (21711, BY_SERVICE | {"From": "+15005550006"}),
    "a callback without a host": (21609, GOOD | {"StatusCallback": "https:///status"}),
    "a callback by mail": (21609, GOOD | {"StatusCallback": "mailto:a@b.example"}),
    "a callback with an underscore": (21609, GOOD | {"StatusCallback": "https://my_host.example/"}),
    "a callback with a line end": (21609, GOOD | {"StatusCallback": "https://a.example/\r\nX: y"}),
    "a callback to no port": (21609, GOOD | {"StatusCallback": "https://a.example:port/"}),
    "a callback in brackets": (21609, GOOD | {"StatusCallback": "https://[a/"}),
    "a callback of 4,001 characters": (21609, GOOD | {"StatusCallback": "https://a.example/" + "a" * 3983}),
    "a validity of zero": (21624, GOOD | {"ValidityPeriod": "0"}),
    "a validity of more than ten hours": (21624, GOOD | {"ValidityPeriod": "36001"}),
    "a schedule without a service": (35118, GOOD | {"ScheduleType": "fixed", "SendAt": "2026-11-22T13:00:00Z"}),
    "a schedule without a time": (35111, BY_SERVICE | {"ScheduleType": "fixed"}),
    "a schedule too soon": (35114, BY_SERVICE | {"ScheduleType": "fixed", "SendAt": "2026-11-22T12:05:00Z"}),
    "magic From 0001": (21212, GOOD | {"From": "+15005550001"}),
    "magic From 0007": (21606, GOOD | {"From": "+15005550007"}),
    "magic From 0008": (21611, GOOD | {"From": "+15005550008"}),
    "magic To 0001": (21211, GOOD | {"To": "+15005550001"}),
    "magic To 0002": (21612, GOOD | {"To": "+15005550002"}),
    "magic To 0003": (21408, GOOD | {"To": "+15005550003"}),
    "magic To 0004": (21610, GOOD | {"To": "+15005550004"}),
    "magic To 0009": (21614, GOOD | {"To": "+15005550009"}),
}


def read(form: dict[str, str], account: Account = ACCOUNT) -> Draft:
    return read_draft(form, account, (ACCOUNT, OTHER, TEST), NOW)


@pytest.mark.parametrize(("code", "form"), REFUSED.values(), ids=REFUSED.keys())
def test_a_create_is_refused_with_the_code_that_twilio_gives(code: int, form: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        read(form)
    assert refused.value.code == code


@pytest.mark.parametrize("sender", ["+447700900123", "12345", "+15005550006"])
def test_a_sender_of_the_account_is_accepted(sender: str) -> None:
    assert read(GOOD | {"From": sender}).sender == sender


def test_an_account_with_the_right_to_a_name_may_send_under_one() -> None:
    account = ACCOUNT.model_copy(update={"alphanumeric": True})
    assert read(GOOD | {"From": "Dunlin"}, account).sender == "Dunlin"


def test_test_credentials_send_from_the_magic_number_and_from_no_own_one() -> None:
    assert read(GOOD | {"From": "+15005550006"}, TEST).sender == "+15005550006"
    with pytest.raises(Refusal, match="21606"):
        read(GOOD | {"From": "+447700900125"}, TEST)


def test_1600_characters_are_accepted() -> None:
    assert len(read(GOOD | {"Body": "ж" * 1600}).body) == 1600


@pytest.mark.parametrize(
    ("form", "status", "segments"),
    [
        (GOOD, Status.QUEUED, 1),
        (BY_SERVICE, Status.ACCEPTED, 0),
        (BY_SERVICE | {"ScheduleType": "fixed", "SendAt": "2026-11-22T13:00:00Z"}, Status.SCHEDULED, 0),
    ],
    ids=["from a number: queued", "from a service: accepted, not counted", "with a time: scheduled"],
)
def test_the_first_status_depends_on_the_sender(form: dict[str, str], status: Status, segments: int) -> None:
    message = read(form).message("SM" + "0" * 32, ACCOUNT, NOW)
    assert (message.status, message.num_segments) == (status, segments)
