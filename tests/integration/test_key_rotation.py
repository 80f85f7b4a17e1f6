"""Credentials move to the newest key while they are in use, and the old key can be taken away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from twilio.request_validator import RequestValidator

from dunlin.api.app import create_app
from dunlin.domain.actions.revoke_token import revoke_token
from dunlin.domain.actions.rotate_keys import Rotation, rotate_keys, tokens_on_old_keys
from dunlin.domain.carrier import Credentials, TwilioCredentials
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCycle, Connection, Reminder, SendAttempt, Token
from dunlin.domain.viewer import digest
from dunlin.jobs.deliverer import Deliverer
from dunlin.runtime.vault import AesVault
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, a_new_case, a_token, a_viewer, an_account, open_one
from tests.conftest import SANDBOX_ACCOUNT
from tests.delivery import plan
from tests.scripted_channel import ScriptedChannel, texting

OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
BOTH = AesVault((NEW, OLD))
ONLY_NEW = AesVault((NEW,))


def having(services: Services, *keys: bytes) -> Services:
    settings = services.settings.model_copy(update={"secret_keys": keys})
    return replace(services, settings=settings, vault=AesVault(keys))


async def connections(services: Services, count: int) -> list[Connection]:
    """Connect so many organizations, with keys sealed by the old key."""
    account = await an_account()
    for number in range(count):
        await a_collecting_organization(having(services, OLD), account, name=f"Organization {number}")
    return await Connection.all().order_by("id")


def opened_of(connection: Connection, vault: AesVault) -> Credentials:
    assert connection.sealed_credentials is not None
    return vault.open(connection.sealed_credentials, organization_id=connection.organization_id)


async def opened_with(vault: AesVault) -> set[Credentials]:
    return {opened_of(connection, vault) for connection in await Connection.all()}


async def test_all_credentials_move_to_the_new_key_and_the_old_one_can_be_removed(services: Services) -> None:
    await connections(services, 5)
    before = await opened_with(BOTH)

    assert await rotate_keys(BOTH, batch=2) == Rotation(resealed=5, already_new=0, unopened=())

    assert await opened_with(ONLY_NEW) == before


async def test_rotating_again_changes_nothing(services: Services) -> None:
    await connections(services, 3)
    await rotate_keys(BOTH)
    before = [connection.sealed_credentials for connection in await Connection.all().order_by("id")]

    assert await rotate_keys(BOTH) == Rotation(resealed=0, already_new=3, unopened=())

    assert [connection.sealed_credentials for connection in await Connection.all().order_by("id")] == before


async def test_what_no_key_opens_is_named_and_stays_and_the_others_are_done(services: Services) -> None:
    first, second, third, _ = await connections(services, 4)
    await rows("UPDATE connection SET sealed_credentials = '\\x00'::bytea WHERE id = $1", first.id)
    foreign = AesVault((FOREIGN,)).seal(TwilioCredentials("AC1", "x"), organization_id=third.organization_id)
    await rows("UPDATE connection SET sealed_credentials = $2 WHERE id = $1", third.id, foreign)

    rotation = await rotate_keys(BOTH, batch=1)

    assert rotation == Rotation(resealed=2, already_new=0, unopened=(first.id, third.id))
    assert (await Connection.get(id=first.id)).sealed_credentials == b"\0"
    assert (await Connection.get(id=third.id)).sealed_credentials == foreign
    assert opened_of(await Connection.get(id=second.id), ONLY_NEW) == opened_of(second, BOTH)


async def test_a_seal_of_the_new_key_that_is_damaged_is_named_too(services: Services) -> None:
    (connection,) = await connections(services, 1)
    damaged = ONLY_NEW.seal(TwilioCredentials("AC1", "x"), organization_id=connection.organization_id)[:-1]
    await rows("UPDATE connection SET sealed_credentials = $1", damaged)

    assert (await rotate_keys(BOTH)).unopened == (connection.id,)


async def test_destroyed_credentials_stay_destroyed(services: Services) -> None:
    await connections(services, 2)
    await rows("UPDATE connection SET sealed_credentials = NULL")

    assert await rotate_keys(BOTH) == Rotation(resealed=0, already_new=0, unopened=())

    assert [connection.sealed_credentials for connection in await Connection.all()] == [None, None]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(OLD, Rotation(resealed=1, already_new=0, unopened=()), id="by-a-process-with-the-old-key"),
        pytest.param(NEW, Rotation(resealed=0, already_new=1, unopened=()), id="by-a-process-with-the-new-key"),
        pytest.param(None, Rotation(resealed=0, already_new=0, unopened=()), id="destroyed"),
    ],
)
async def test_what_somebody_else_writes_meanwhile_is_never_overwritten(
    services: Services, monkeypatch: pytest.MonkeyPatch, key: bytes | None, expected: Rotation
) -> None:
    (connection,) = await connections(services, 1)
    newer = TwilioCredentials("AC" + "1" * 32, "written meanwhile")
    sealed = AesVault((key,)).seal(newer, organization_id=connection.organization_id) if key else None
    pending: list[bytes | None] = [sealed]

    async def interrupted(sql: str, *parameters: object) -> list[dict[str, object]]:
        if sql.lstrip().startswith("UPDATE") and pending:
            await rows("UPDATE connection SET sealed_credentials = $1", pending.pop())
        return await rows(sql, *parameters)

    monkeypatch.setattr("dunlin.domain.actions.rotate_keys.rows", interrupted)

    assert await rotate_keys(BOTH) == expected

    now_there = await Connection.get()
    if key is None:
        assert now_there.sealed_credentials is None
    else:
        assert opened_of(now_there, ONLY_NEW) == newer


async def test_two_rotations_at_once_do_it_all_once(services: Services) -> None:
    await connections(services, 20)

    both = await asyncio.gather(rotate_keys(BOTH, batch=3), rotate_keys(BOTH, batch=4))

    assert [rotation.resealed + rotation.already_new for rotation in both] == [20, 20]
    assert sum(rotation.resealed for rotation in both) == 20
    assert len(await opened_with(ONLY_NEW)) == 1


@asynccontextmanager
async def delivering(services: Services, channel: ScriptedChannel) -> AsyncIterator[None]:
    deliverer = Deliverer(replace(services, channels=texting(channel)))
    running = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        deliverer.stop()
        async with asyncio.timeout(10):
            await running


async def send_one_each(services: Services, channel: ScriptedChannel, reference: str) -> None:
    """Open a case of every organization and see its reminder sent."""
    for cycle in await CollectionCycle.all():
        await open_one(services, cycle, a_new_case(reference))
    await plan(services)
    wanted = await CollectionCycle.all().count()
    async with delivering(services, channel), asyncio.timeout(10):
        while await Reminder.filter(status=ReminderStatus.SENT).count() < wanted:
            pass


async def report_all_delivered(services: Services) -> set[int]:
    """Report what has been sent, as the carrier does; return the statuses of the answers."""
    signer = RequestValidator(SANDBOX_ACCOUNT.auth_token)
    address = services.settings.callback_base
    sent = await Reminder.filter(status=ReminderStatus.SENT)
    answers = set()
    app = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=app, base_url=address) as http:
        for attempt in await SendAttempt.filter(reminder_id__in=[reminder.id for reminder in sent]):
            path, message = f"/webhooks/twilio/{attempt.correlation}", str(attempt.provider_message_id)
            fields = {"AccountSid": SANDBOX_ACCOUNT.sid, "MessageSid": message, "MessageStatus": "delivered"}
            signature = signer.compute_signature(address + path, fields)
            answer = await http.post(path, data=fields, headers={"X-Twilio-Signature": signature})
            answers.add(answer.status_code)
    return answers


async def rotate_to_and_fro(enough: asyncio.Event) -> None:
    """Rotate again and again, so that whatever else happens comes in the middle of it."""
    while not enough.is_set():
        await rotate_keys(AesVault((OLD, NEW)), batch=3)
        await rotate_keys(BOTH, batch=3)


async def test_reminders_go_out_and_reports_come_in_while_keys_rotate_and_after_the_old_one_is_gone(
    services: Services,
) -> None:
    await connections(services, 10)
    channel, enough = ScriptedChannel(), asyncio.Event()
    rotating = asyncio.create_task(rotate_to_and_fro(enough))
    with_both = having(services, NEW, OLD)

    await send_one_each(with_both, channel, "INV-1")
    assert await report_all_delivered(with_both) == {204}

    enough.set()
    await rotating
    with_new = having(services, NEW)
    await send_one_each(with_new, channel, "INV-2")
    assert await report_all_delivered(with_new) == {204}
    assert [reminder.status for reminder in await Reminder.all()] == [ReminderStatus.DELIVERED] * 20
    assert len(channel.taken) == 20


async def test_tokens_in_force_on_an_old_key_are_counted(services: Services) -> None:
    account = await an_account()
    on_old, on_new = having(services, OLD), having(services, NEW, OLD)
    await a_token(on_old, account)
    await a_token(on_old, account, expires_at=NOW + timedelta(days=1))
    await a_token(on_old, account, expires_at=NOW)
    await a_token(on_new, account)
    revoked = await Token.get(digest=digest(await a_token(on_old, account), OLD))
    await revoke_token(services.store, a_viewer(account), token_id=revoked.id, now=NOW)

    assert await tokens_on_old_keys(NEW, NOW) == 2
    assert await tokens_on_old_keys(OLD, NOW) == 1
