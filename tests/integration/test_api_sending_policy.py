"""updateSendingPolicy: when an organization's reminders may leave."""

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.runtime.wiring import Services
from tests.build import a_token, an_organization, everything_stored
from tests.client import JSON, mutate, problems

POLICY = "organization { sendingPolicy { windowStart windowEnd days } }"


async def test_the_new_window_is_shown_with_its_days_in_the_order_of_the_week(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await an_organization()
    given = {"windowStart": "09:00", "windowEnd": "24:00", "days": ["FRIDAY", "MONDAY", "FRIDAY"]}

    payload = await mutate(
        http,
        await a_token(services, organization),
        "updateSendingPolicy",
        POLICY,
        {"organizationId": encode_id("Organization", organization.id), **given},
    )

    assert problems(payload) == []
    assert payload["organization"]["sendingPolicy"] == given | {"days": ["MONDAY", "FRIDAY"]}


async def test_whether_holidays_are_free_stays_as_it_is_until_it_is_given(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await an_organization(skip_holidays=True)
    token = await a_token(services, organization)
    given = {
        "organizationId": encode_id("Organization", organization.id),
        "windowStart": "09:00",
        "windowEnd": "17:00",
        "days": ["MONDAY"],
    }
    shown = []
    for changed in ({}, {"skipHolidays": False}, {"skipHolidays": None}, {"skipHolidays": True}):
        payload = await mutate(
            http, token, "updateSendingPolicy", "organization { sendingPolicy { skipHolidays } }", given | changed
        )
        shown.append(payload["organization"]["sendingPolicy"]["skipHolidays"])

    assert shown == [True, False, False, True]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"windowStart": "9:00"}, [("INVALID", "windowStart")], id="start-of-one-digit"),
        pytest.param({"windowStart": "24:00"}, [("INVALID", "windowStart")], id="start-at-the-end-of-the-day"),
        pytest.param({"windowStart": "08:60"}, [("INVALID", "windowStart")], id="minute-60"),
        pytest.param({"windowStart": "08:00\n"}, [("INVALID", "windowStart")], id="line-feed"),
        pytest.param({"windowStart": "0\0:00"}, [("INVALID", "windowStart")], id="nul"),
        pytest.param({"windowStart": "٣٣:٣٣"}, [("INVALID", "windowStart")], id="other-digits"),
        pytest.param({"windowStart": ""}, [("INVALID", "windowStart")], id="no-start"),
        pytest.param({"windowEnd": "24:01"}, [("INVALID", "windowEnd")], id="end-behind-midnight"),
        pytest.param({"windowEnd": "08:00"}, [("INVALID", "windowEnd")], id="end-at-the-start"),
        pytest.param({"windowEnd": "00:00"}, [("INVALID", "windowEnd")], id="end-before-the-start"),
        pytest.param({"days": []}, [("REQUIRED", "days")], id="no-days"),
        pytest.param(
            {"windowStart": "x", "windowEnd": "y", "days": []},
            [("INVALID", "windowStart"), ("INVALID", "windowEnd"), ("REQUIRED", "days")],
            id="everything",
        ),
    ],
)
async def test_a_window_that_never_opens_or_cannot_be_read_is_refused(
    http: httpx.AsyncClient, services: Services, changed: JSON, expected: list[tuple[str, str]]
) -> None:
    organization = await an_organization()
    token = await a_token(services, organization)
    before = await everything_stored()
    given = {
        "organizationId": encode_id("Organization", organization.id),
        "windowStart": "08:00",
        "windowEnd": "20:00",
        "days": ["MONDAY"],
        **changed,
    }

    payload = await mutate(http, token, "updateSendingPolicy", POLICY, given)

    assert problems(payload) == expected
    assert payload["organization"] is None
    assert await everything_stored() == before
