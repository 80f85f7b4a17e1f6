"""What users of products like this one complain about, and that it does not happen here."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dunlin.domain.actions.change_customer_address import change_customer_phone
from dunlin.domain.actions.edit_step import StepEdit, edit_step
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.preview_sms import preview_sms
from dunlin.domain.carrier import Accepted, Fault, Refused, Unknown
from dunlin.domain.choices import CaseStepState, Weekday
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.caps import Limits
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.tables import CaseStep, CollectionCase, CollectionStep, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import NONE, SMS, a_cycle, a_new_case, a_received_text, a_viewer, an_organization, connect_sms
from tests.delivery import statuses
from tests.story import Fate, Story

DAYTIME = SendWindow("08:00", "20:00", frozenset(Weekday))
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DUE = date(2026, 3, 2)
TEXTS = {
    "en": "Dear {{ customer.name }}, {{ amount }} was due on {{ due_date }}.",
    "de": "Guten Tag {{ customer.name }}, {{ amount }} war am {{ due_date }} fällig.",
}


async def a_story(services: Services, days: list[int] | None = None, texts: dict[str, str] | None = None) -> Story:
    organization = await an_organization(window=DAYTIME, limits=Limits(24, 3), language="en")
    await connect_sms(services, organization, now=START)
    given = days or [1]
    return Story(services, await a_cycle(organization, [SMS] * len(given), days=given, texts=texts or TEXTS), START)


async def test_1_the_same_reminder_does_not_come_many_times_however_often_planning_runs(services: Services) -> None:
    story = await a_story(services)
    await story.open(a_new_case(due_on=DUE))

    await asyncio.gather(*(plan_reminders(services.store, START + timedelta(days=2)) for _ in range(20)))
    story.now += timedelta(days=2)
    for _ in range(5):
        await asyncio.gather(story.work(), story.work())
    await story.pass_days(5)

    assert len(story.sent) == 1


async def test_2_a_text_is_not_sent_and_billed_twice_after_a_timeout(services: Services) -> None:
    story = await a_story(services)
    story.fate_of = lambda handover: Fate(Unknown("The carrier did not answer in time."))
    await story.open(a_new_case(due_on=DUE))

    await story.pass_days(2)
    story.fate_of = lambda handover: Fate(Accepted("SM1"))
    await story.pass_days(5)

    assert story.sent == []
    assert (await Reminder.get()).status is ReminderStatus.UNCONFIRMED


async def test_3_nobody_is_texted_at_night_or_by_the_wrong_clock(services: Services) -> None:
    story = await a_story(services, [0, 1, 1, 1, 1])
    # New York is six hours behind the organization, Auckland half a day ahead of it.
    for number, phone in enumerate(("+12125550123", "+6491234567", "+32470123456")):
        await story.open(a_new_case(f"INV-{number}", customer=f"C-{number}", phone=phone, due_on=DUE))

    await story.pass_days(20)

    zones = {"+12": "America/New_York", "+64": "Pacific/Auckland", "+32": "Europe/Brussels"}
    for sent in story.sent:
        here = sent.at.astimezone(ZoneInfo(zones[sent.to[:3]])).time()
        assert time(8) <= here < time(20), sent
    assert {sent.to[:3] for sent in story.sent} == set(zones)


async def test_4_a_failed_text_is_never_shown_as_delivered_nor_a_delivered_one_as_failed(services: Services) -> None:
    story = await a_story(services)
    reports = {"+32470123456": ReminderStatus.DELIVERED, "+32470123457": ReminderStatus.UNDELIVERED}
    story.fate_of = lambda handover: Fate(Accepted(f"SM{handover.reminder_id:032x}"), reports[handover.to], 30006)
    for number, phone in enumerate(reports):
        await story.open(a_new_case(f"INV-{number}", customer=f"C-{number}", phone=phone, due_on=DUE))

    await story.pass_days(3)

    shown = {reminder.to: reminder for reminder in await Reminder.all()}
    assert {phone: reminder.status for phone, reminder in shown.items()} == reports
    assert await statuses(shown["+32470123457"]) == ["SCHEDULED", "SENDING", "SENT", "UNDELIVERED"]


async def test_5_nobody_is_surprised_by_the_cost(services: Services) -> None:
    story = await a_story(services, texts={"en": "Dear {{ customer.name }}, please pay {{ amount }}. ê" + "x" * 60})
    case = await story.open(a_new_case(due_on=DUE))
    step = await CollectionStep.get(cycle_id=story.cycle.id).select_related("texts")
    previewed = await preview_sms(
        a_viewer(await Organization.get()),
        organization_id=story.cycle.organization_id,
        text=step.texts.sms["en"],
        language="en",
        country=None,
        case_id=case.id,
        now=START,
    )

    await story.pass_days(3)

    reminder = await Reminder.get()
    assert (reminder.encoding, reminder.segments) == (
        previewed.draft.encoded.encoding,
        previewed.draft.encoded.segments,
    )
    assert previewed.draft.encoded.offending_characters == ("ê",)
    assert reminder.text == previewed.draft.text == story.sent[0].text


async def test_6_nobody_is_reminded_of_money_they_do_not_owe(services: Services) -> None:
    story = await a_story(services, [1, 3])
    paid = await story.open(a_new_case("INV-1", customer="C-1", phone="+32470123456", due_on=DUE))
    partly = await story.open(a_new_case("INV-2", customer="C-2", phone="+32470123457", due_on=DUE))

    await story.pay(paid, "84.50")
    await story.pay(partly, "80.00")
    await story.pass_days(10)

    assert story.texts_to("+32470123456") == []
    assert ["€4.50" in text for text in story.texts_to("+32470123457")] == [True, True]


async def test_7_text_amount_and_date_come_in_the_customers_language(services: Services) -> None:
    story = await a_story(services)
    for number, language in enumerate(("de", "de-AT", "fr")):
        case = a_new_case(f"INV-{number}", customer=f"C-{number}", phone=f"+3247012345{number}", language=language)
        await story.open(case)

    await story.pass_days(2)

    german, austrian, french = [story.texts_to(f"+3247012345{number}") for number in range(3)]
    assert german == ["Guten Tag Ada Reyes, 84,50 € war am 15. Januar 2026 fällig."]
    assert austrian == german  # its base language
    assert french == ["Dear Ada Reyes, €84.50 was due on January 15, 2026."]  # the organization's default
    assert {reminder.language for reminder in await Reminder.all()} == {"de", "en"}


async def test_8_a_step_that_sent_nothing_says_why(services: Services) -> None:
    story = await a_story(services)
    await story.open(a_new_case(phone=None, due_on=DUE))

    await story.pass_days(2)

    step = await CaseStep.get()
    assert (step.state, step.skipped_reason) == (CaseStepState.SKIPPED, "The customer has no phone number.")


async def test_9_a_step_has_one_method_and_another_one_replaces_it(services: Services) -> None:
    story = await a_story(services)
    step = await CollectionStep.get()
    await story.open(a_new_case(due_on=DUE))

    await edit_step(
        services.store,
        a_viewer(await Organization.get()),
        step_id=step.id,
        expected_version=None,
        edit=StepEdit(communication_method=NONE),
        apply_to_open_cases=True,
    )
    await story.pass_days(3)

    assert story.sent == []
    assert (await CaseStep.get()).communication_method is NONE


async def test_10_editing_a_running_cycle_changes_open_cases_only_when_that_is_asked_for(services: Services) -> None:
    story = await a_story(services, [1, 7])
    first = await CollectionStep.get(position=1)
    viewer = a_viewer(await Organization.get())
    await story.open(a_new_case("INV-1", due_on=DUE))

    async def edit(text: str, *, follow: bool) -> None:
        change = StepEdit(sms_texts=[("en", text)])
        await edit_step(
            services.store, viewer, step_id=first.id, expected_version=None, edit=change, apply_to_open_cases=follow
        )

    await edit("For new cases.", follow=False)
    await story.open(a_new_case("INV-2", customer="C-2", phone="+32470123457", due_on=DUE))
    await story.pass_days(2)
    await edit("For all cases.", follow=True)
    await story.open(a_new_case("INV-3", customer="C-3", phone="+32470123458", due_on=DUE))
    await story.pass_days(2)

    assert story.texts_to("+447700900001")[0].startswith("Dear Ada Reyes")
    assert story.texts_to("+32470123457") == ["For new cases."]
    assert story.texts_to("+32470123458") == ["For all cases."]


async def test_11_sms_reminders_are_sent_for_overdue_invoices_and_for_returned_direct_debits(
    services: Services,
) -> None:
    story = await a_story(services)
    await story.open(a_new_case("INV-1", customer="C-1", phone="+32470123456", due_on=DUE))
    returned = a_new_case("INV-2", customer="C-2", phone="+32470123457", due_on=DUE, return_reason_code="AM04")
    await story.open(returned)

    await story.pass_days(3)

    assert [sent.to for sent in story.sent] == ["+32470123456", "+32470123457"]
    assert {reminder.status for reminder in await Reminder.all()} == {ReminderStatus.DELIVERED}


async def test_12_a_number_that_cannot_be_texted_is_not_texted_again_until_it_is_corrected(services: Services) -> None:
    story = await a_story(services, [1, 3, 3])
    story.fate_of = lambda handover: Fate(Refused(21614, Fault.LANDLINE, "This number is a landline."))
    case = await story.open(a_new_case(due_on=DUE))
    await story.pass_days(2)
    story.fate_of = lambda handover: Fate(Accepted("SM1"))

    await story.pass_days(4)
    before = list(story.sent)
    await change_customer_phone(
        services.store,
        a_viewer(await Organization.get()),
        customer_id=case.customer_id,
        number="+32470123456",
        now=story.now,
    )
    await story.pass_days(5)

    assert before == []
    steps = await story.steps_of(case)
    assert steps[1].startswith("The phone number must be corrected")
    assert [sent.to for sent in story.sent] == ["+32470123456"]


async def test_13_who_says_stop_gets_no_more_texts_and_who_answers_is_heard(services: Services) -> None:
    story = await a_story(services, [1, 3])
    organization = await Organization.get()
    first = await story.open(a_new_case("INV-1", customer="C-1", phone="+32470123456", due_on=DUE))
    second = await story.open(a_new_case("INV-2", customer="C-2", phone="+32470123457", due_on=DUE))
    await story.pass_days(2)

    await a_received_text(services, organization, "Please stop texting me", sender="+32470123456", number=1)
    await a_received_text(services, organization, "I paid last week", sender="+32470123457", number=2)
    await story.pass_days(5)

    assert [len(story.texts_to(phone)) for phone in ("+32470123456", "+32470123457")] == [1, 2]
    assert await story.steps_of(first) == ["DONE", "The customer has opted out of SMS."]
    assert (await CollectionCase.get(id=second.id)).attention_reason is not None
