"""The same key with the same input is done once; with another input it is refused."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from dunlin.domain.actions.connect_integration import connect_integration
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.carrier import TwilioCredentials
from dunlin.domain.choices import CaseState, IntegrationKind, IntegrationStatus
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.idempotency import KEPT, forget_requests
from dunlin.domain.rules.impact import Impact
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.store import rows
from dunlin.domain.tables import AuditEntry, CollectionCase, Connection, IdempotencyKey, Integration, Payment
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.delivery import plan
from tests.scripted_channel import ScriptedChannel, texting

MINUTE = timedelta(minutes=1)
TEN = NewPayment(Decimal(10), "EUR", None, "BANK-1")


@pytest.fixture
async def case(services: Services) -> CollectionCase:
    """A case of 84.50 EUR."""
    return await open_one(services, await a_cycle(await an_organization()))


async def pay(
    services: Services,
    case: CollectionCase,
    payment: NewPayment = TEN,
    *,
    key: str = "A",
    viewer: Viewer | None = None,
    now: datetime = NOW,
) -> CollectionCase:
    return await record_payment(
        services.store,
        viewer or a_viewer(await case.organization),
        case_id=case.id,
        payment=payment,
        idempotency_key=key,
        now=now,
    )


def codes(refusal: pytest.ExceptionInfo[Refusal]) -> list[tuple[ProblemCode, tuple[str, ...]]]:
    return [(problem.code, problem.path) for problem in refusal.value.problems]


REUSED = [(ProblemCode.IDEMPOTENCY_KEY_REUSED, ("idempotencyKey",))]


async def test_the_same_request_again_is_answered_alike_and_done_once(services: Services, case: CollectionCase) -> None:
    first = await pay(services, case)
    before = await everything_stored()

    again = await pay(services, case, now=NOW + MINUTE)

    assert (again.id, again.amount_due) == (first.id, Decimal("74.50"))
    assert await everything_stored() == before


async def test_without_a_key_and_with_another_one_it_is_done_again(services: Services, case: CollectionCase) -> None:
    await pay(services, case)
    await pay(services, case, key="B")

    assert (await CollectionCase.get()).amount_due == Decimal("64.50")


OTHER_INPUT = {
    "another amount": replace(TEN, amount=Decimal("10.01")),
    "another currency": replace(TEN, currency="USD"),
    "another moment": replace(TEN, paid_at=NOW),
    "another reference": replace(TEN, reference="BANK-2"),
}


@pytest.mark.parametrize("payment", OTHER_INPUT.values(), ids=OTHER_INPUT.keys())
async def test_the_key_is_refused_with(services: Services, case: CollectionCase, payment: NewPayment) -> None:
    await pay(services, case)
    before = await everything_stored()

    with pytest.raises(Refusal) as refusal:
        await pay(services, case, payment)

    assert codes(refusal) == REUSED
    assert await everything_stored() == before


async def test_the_key_is_refused_for_another_case(services: Services, case: CollectionCase) -> None:
    other = await open_one(services, await case.cycle, a_new_case("INV-2"))
    await pay(services, case)

    with pytest.raises(Refusal) as refusal:
        await pay(services, other)

    assert codes(refusal) == REUSED


async def test_an_amount_written_otherwise_is_the_same_input(services: Services, case: CollectionCase) -> None:
    await pay(services, case)

    await pay(services, case, replace(TEN, amount=Decimal("10.00")))

    assert await Payment.all().count() == 1


async def test_of_many_at_once_one_is_done_and_all_get_its_answer(services: Services, case: CollectionCase) -> None:
    answers = await asyncio.gather(*(pay(services, case) for _ in range(8)))

    assert {(answer.id, answer.amount_due) for answer in answers} == {(case.id, Decimal("74.50"))}
    assert await Payment.all().count() == 1
    assert await AuditEntry.filter(action="PAYMENT_RECORDED").count() == 1


async def test_of_two_inputs_at_once_under_one_key_one_is_refused(services: Services, case: CollectionCase) -> None:
    outcomes = await asyncio.gather(
        pay(services, case), pay(services, case, replace(TEN, amount=Decimal(11))), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CollectionCase", "Refusal"]
    assert await Payment.all().count() == 1


async def test_the_answer_shows_the_case_as_it_is_by_then(services: Services, case: CollectionCase) -> None:
    await pay(services, case)
    await pay(services, case, replace(TEN, amount=Decimal("74.50")), key="B")

    assert (await pay(services, case)).state is CaseState.CLOSED


async def test_a_refused_request_leaves_its_key_free(services: Services, case: CollectionCase) -> None:
    with pytest.raises(Refusal):
        await pay(services, case, replace(TEN, currency="USD"))

    assert await IdempotencyKey.all().count() == 0
    await pay(services, case)


async def test_keys_of_another_account_are_others(services: Services, case: CollectionCase) -> None:
    other = await open_one(services, await a_cycle(await an_organization(await an_account("Other"))))

    await pay(services, case)
    await pay(services, other)

    assert await Payment.all().count() == 2


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb", "a\0b"])
async def test_a_key_is_some_printable_characters(services: Services, case: CollectionCase, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await pay(services, case, key=key)

    assert codes(refusal) == [(ProblemCode.INVALID, ("idempotencyKey",))]


async def test_a_key_is_kept_for_24_hours(services: Services, case: CollectionCase) -> None:
    await pay(services, case)

    assert await forget_requests(services.store, NOW + KEPT - MINUTE) == 0
    await pay(services, case, now=NOW + KEPT - MINUTE)
    assert await Payment.all().count() == 1

    await pay(services, case, now=NOW + KEPT)
    assert await Payment.all().count() == 2
    assert await forget_requests(services.store, NOW + 3 * KEPT) == 1
    assert await IdempotencyKey.all().count() == 0


async def test_keys_are_forgotten_in_bounded_batches(services: Services, case: CollectionCase) -> None:
    for key in "ABC":
        await pay(services, case, replace(TEN, amount=Decimal(1)), key=key)

    assert [await forget_requests(services.store, NOW + KEPT, limit=2) for _ in range(3)] == [2, 1, 0]


async def disconnect(services: Services, viewer: Viewer, *, token: str | None = None) -> tuple[Integration, Impact]:
    return await disconnect_integration(
        services.store,
        viewer,
        organization_id=1,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=token,
        now=NOW,
        idempotency_key="A",
    )


async def test_a_disconnect_again_says_what_the_first_one_changed(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    viewer = a_viewer(organization)

    answers = await asyncio.gather(*(disconnect(services, viewer) for _ in range(3)))
    answers.append(await disconnect(services, viewer))

    assert {impact for _, impact in answers} == {answers[0][1]}
    assert (answers[0][1].steps, answers[0][1].reminders) == (1, 1)
    assert {integration.status for integration, _ in answers} == {IntegrationStatus.DISCONNECTED}


async def test_a_disconnect_under_a_used_key_with_another_token_is_refused(services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    await disconnect(services, a_viewer(organization))
    await connect_sms(services, organization)

    with pytest.raises(Refusal) as refusal:
        await disconnect(services, a_viewer(organization), token="x")

    assert codes(refusal) == REUSED
    assert (await Integration.get(kind=IntegrationKind.SMS)).status is IntegrationStatus.CONNECTED


async def connect(services: Services, viewer: Viewer, *, auth_token: str | None = None) -> Integration:
    account = services.default_accounts[IntegrationKind.SMS]
    if auth_token is not None:
        assert isinstance(account.credentials, TwilioCredentials)
        account = replace(account, credentials=replace(account.credentials, auth_token=auth_token))
    return await connect_integration(
        services.store,
        viewer,
        texting(ScriptedChannel()),
        services.vault,
        organization_id=1,
        kind=IntegrationKind.SMS,
        account=account,
        now=NOW,
        idempotency_key="A",
    )


async def test_connecting_again_is_done_once_and_answered_alike(services: Services) -> None:
    viewer = a_viewer(await an_organization())

    answers = await asyncio.gather(*(connect(services, viewer) for _ in range(4)))
    answers.append(await connect(services, viewer))

    assert {(answer.status, answer.connection_id) for answer in answers} == {(IntegrationStatus.CONNECTED, 1)}
    assert await Connection.all().count() == 1


async def test_connecting_under_a_used_key_with_another_secret_is_refused(services: Services) -> None:
    viewer = a_viewer(await an_organization())
    await connect(services, viewer)

    with pytest.raises(Refusal) as refusal:
        await connect(services, viewer, auth_token="0" * 32)

    assert codes(refusal) == REUSED


async def test_one_key_does_not_fit_two_kinds_of_request(services: Services) -> None:
    viewer = a_viewer(await an_organization())
    await connect(services, viewer)

    with pytest.raises(Refusal) as refusal:
        await disconnect(services, viewer)

    assert codes(refusal) == REUSED


async def test_what_is_kept_of_a_request_tells_nothing_of_its_secrets(services: Services) -> None:
    await connect(services, a_viewer(await an_organization()))

    kept = await rows("SELECT to_jsonb(k)::text AS content FROM idempotency_key k")
    credentials = services.default_accounts[IntegrationKind.SMS].credentials
    assert isinstance(credentials, TwilioCredentials)
    assert credentials.auth_token not in kept[0]["content"]
    assert (await IdempotencyKey.get()).answer == {"id": 1}
