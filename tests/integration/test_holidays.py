"""Nothing leaves on public holidays of the customer's country, where the organization wants it so."""

from datetime import UTC, date, datetime

import pytest

from dunlin.domain.actions.update_sending_policy import update_sending_policy
from dunlin.domain.choices import Weekday
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.policy_input import PolicyEdit
from dunlin.domain.tables import Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import begin, plan, the_reminder

BRITISH, BELGIAN, NOBODYS = "+447700900001", "+32470123456", "+883510012345"
ADVENT = datetime(2025, 12, 20, 12, 0, tzinfo=UTC)
ALL_SAINTS = datetime(2025, 11, 1, 12, 0, tzinfo=UTC)  # a holiday in Belgium, not in Britain
DAY_AFTER = datetime(2025, 11, 1, 23, 0, tzinfo=UTC)  # midnight in Brussels


async def scheduled(services: Services, phone: str, *, now: datetime, skip_holidays: bool = True) -> Organization:
    """One case of a Belgian organization, planned `now`."""
    organization = await an_organization(skip_holidays=skip_holidays)
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization), a_new_case(phone=phone, due_on=date(2025, 1, 1)), now=now)
    await plan(services, now)
    return organization


@pytest.mark.parametrize(
    ("phone", "leaves"),
    [
        pytest.param(BELGIAN, DAY_AFTER, id="in the country of the number it is one"),
        pytest.param(BRITISH, ALL_SAINTS, id="in the country of the number it is none"),
        pytest.param(NOBODYS, DAY_AFTER, id="the number tells no country, and in the organization's it is one"),
    ],
)
async def test_on_a_public_holiday_a_reminder_is_planned_for_the_day_after_if(
    services: Services, phone: str, leaves: datetime
) -> None:
    await scheduled(services, phone, now=ALL_SAINTS)

    assert (await the_reminder()).scheduled_for == leaves


async def test_an_organization_may_send_on_holidays(services: Services) -> None:
    await scheduled(services, BELGIAN, now=ALL_SAINTS, skip_holidays=False)

    assert (await the_reminder()).scheduled_for == ALL_SAINTS


async def test_what_is_due_on_a_holiday_is_put_off_at_the_last_moment(services: Services) -> None:
    await scheduled(services, BELGIAN, now=ADVENT)
    christmas = datetime(2025, 12, 25, 12, 0, tzinfo=UTC)
    await Reminder.all().update(scheduled_for=ADVENT)

    assert await begin(services, christmas) == []

    reminder = await the_reminder()
    assert reminder.status is ReminderStatus.SCHEDULED
    assert reminder.scheduled_for == datetime(2025, 12, 25, 23, 0, tzinfo=UTC)


async def test_who_begins_to_keep_holidays_free_moves_what_is_scheduled(services: Services) -> None:
    organization = await scheduled(services, BELGIAN, now=ALL_SAINTS, skip_holidays=False)
    await update_sending_policy(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        edit=PolicyEdit("00:00", "24:00", list(Weekday), skip_holidays=True),
        now=ALL_SAINTS,
    )

    assert await begin(services, ALL_SAINTS) == []
    assert (await the_reminder()).scheduled_for == DAY_AFTER
