"""The commands of an operator, as they are typed: in processes of their own."""

import asyncio
import base64
import getpass
import os
import socket
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from dunlin.domain.choices import ActorKind, AuditAction, Permission
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import AuditEntry, Connection, Organization, Reminder, Token
from dunlin.domain.viewer import viewer_of
from dunlin.runtime.vault import AesVault
from dunlin.runtime.wiring import Services
from tests.build import (
    a_collecting_organization,
    a_token,
    an_account,
    an_organization,
    everything_stored,
    open_one,
)
from tests.delivery import plan

NEW = b"n" * 32


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


async def dunlin(services: Services, *arguments: str, keys: tuple[bytes, ...] = ()) -> Answer:
    """Run one command on the tests' database, with the tests' keys or with those given."""
    process = await start(services, *arguments, keys=keys)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())


async def start(
    services: Services, *arguments: str, keys: tuple[bytes, ...] = (), stderr: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    settings = services.settings
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUNLIN_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dunlin",
        *arguments,
        env={
            **inherited,
            "DUNLIN_DATABASE_URL": str(settings.database_url),
            "DUNLIN_REDIS_URL": str(settings.redis_url),
            "DUNLIN_SECRET_KEYS": ",".join(base64.b64encode(key).decode() for key in keys or settings.secret_keys),
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )


async def seal_of(organization: Organization) -> bytes:
    sealed = (await Connection.get(organization_id=organization.id)).sealed_credentials
    assert sealed is not None
    return sealed


async def test_a_token_is_made_listed_and_revoked(services: Services) -> None:
    account = await an_account("Owner")
    await an_organization(account)
    given = ("--permission", "READ", "--permission", "ADMIN", "--name", "Bookkeeping", "--days", "3")

    made = await dunlin(services, "token", "create", "--account", "Owner", "--organization", "Waterworks", *given)
    secret = made.out.strip()
    listed = await dunlin(services, "token", "list")
    revoked = await dunlin(services, "token", "revoke", secret[:12])
    after = await dunlin(services, "token", "list", "--account", "Owner")

    assert [answer.code for answer in (made, listed, revoked, after)] == [0, 0, 0, 0]
    token = await Token.get()
    assert token.permissions == [Permission.ADMIN, Permission.READ]
    headings, line = listed.out.splitlines()
    assert [text for text in ("PREFIX", "LAST USED", "REVOKED", "KEY") if text not in headings] == []
    shown = f"{token.id} {secret[:12]} Bookkeeping Owner Waterworks READ,ADMIN {token.created_at:%Y-%m-%d}"
    assert " ".join(line.split()).startswith(shown)
    assert line.split()[-3:] == ["never", "never", "newest"]
    assert secret not in listed.out
    assert after.out.splitlines()[1].split()[-2] != "never"
    assert await viewer_of(secret, services.settings.secret_keys, datetime.now(UTC)) is None


async def test_a_token_is_revoked_by_its_id(services: Services) -> None:
    await a_token(services, await an_account())
    await a_token(services, await an_account("Other"))
    first, second = await Token.all().order_by("id")

    assert (await dunlin(services, "token", "revoke", str(second.id))).code == 0

    assert (await Token.get(id=first.id)).revoked_at is None
    assert (await Token.get(id=second.id)).revoked_at is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("create", "--account", "Nobody"), "There are: 'Owner', 'Other'.", id="no-such-account"),
        pytest.param(("create",), "Name one account with --account.", id="which-account"),
        pytest.param(
            ("create", "--account", "Owner", "--organization", "X"), "no open organization 'X'", id="organization"
        ),
        pytest.param(("create", "--account", "Owner", "--name", " "), "A name has 1 to 200", id="empty-name"),
        pytest.param(("revoke", "dunlin_12345"), "There is no such token.", id="unknown-prefix"),
        pytest.param(("revoke", "99999999999999999999"), "There is no such token.", id="unknown-id"),
        pytest.param(("revoke", "dunlin_twice"), "Name one by its id: 1, 2.", id="prefix-of-two"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    services: Services, arguments: tuple[str, ...], said: str
) -> None:
    account = await an_account("Owner")
    await an_account("Other")
    for _ in range(2):
        await a_token(services, account)
    await Token.all().update(prefix="dunlin_twice")

    answer = await dunlin(services, "token", *arguments)

    assert answer.code == 1
    assert said in answer.err
    assert await Token.filter(revoked_at__isnull=True).count() == await Token.all().count() == 2


BE = ("--country", "BE", "--time-zone", "Europe/Brussels", "--language", "nl")


async def test_an_organization_is_created_renamed_listed_and_closed(services: Services) -> None:
    made = [
        await dunlin(services, "account", "create", "Owner"),
        await dunlin(services, "organization", "create", "Waterworks", *BE),
        await dunlin(services, "token", "create", "--organization", "Waterworks"),
        await dunlin(services, "organization", "rename", "Waterworks", "Gasworks"),
        await dunlin(services, "organization", "close", "--yes", "Gasworks"),
    ]
    listed = await dunlin(services, "organization", "list")

    assert [answer.code for answer in made] == [0] * 5, [answer.err for answer in made]
    assert " ".join(listed.out.splitlines()[1].split()).startswith("1 Gasworks Owner 1 BE Europe/Brussels nl 20")
    assert "open" not in listed.out.splitlines()[1]
    assert [entry.action for entry in await AuditEntry.all().order_by("id")] == [
        AuditAction.ORGANIZATION_CREATED,
        AuditAction.TOKEN_CREATED,
        AuditAction.ORGANIZATION_RENAMED,
        AuditAction.ORGANIZATION_CLOSED,
    ]
    entry = await AuditEntry.get(id=1)
    assert (entry.actor_kind, entry.actor_name) == (ActorKind.COMMAND_LINE, getpass.getuser())
    assert entry.address == socket.gethostname()


async def test_closing_by_hand_cancels_what_is_scheduled(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)

    assert (await dunlin(services, "organization", "close", "--yes", organization.name)).code == 0

    assert (await Reminder.get()).status is ReminderStatus.CANCELED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("account", "create", "Owner"), "There is an account 'Owner' already.", id="account-taken"),
        pytest.param(("account", "create", " "), "A name has 1 to 200", id="empty-account"),
        pytest.param(("organization", "create", "Waterworks", *BE), "'Waterworks' already", id="name-taken"),
        pytest.param(("organization", "create", "Gas", *BE, "--country", "XX"), "A country is two", id="country"),
        pytest.param(("organization", "create", "Gas", *BE, "--time-zone", "Mars"), "IANA name", id="time-zone"),
        pytest.param(("organization", "create", "Gas", *BE, "--language", "x"), "BCP 47", id="language"),
        pytest.param(("organization", "rename", "Nobody", "X"), "It has: 'Waterworks'.", id="nobody-to-rename"),
        pytest.param(("organization", "rename", "Waterworks", " "), "A name has 1 to 200", id="empty-name"),
        pytest.param(("organization", "close", "--yes", "Nobody"), "no open organization 'Nobody'", id="nobody"),
        pytest.param(("organization", "close", "Waterworks"), "Aborted!", id="not-confirmed"),
    ],
)
async def test_what_cannot_be_done_with_organizations_is_said_and_changes_nothing(
    services: Services, arguments: tuple[str, ...], said: str
) -> None:
    await an_organization(await an_account("Owner"))
    before = await everything_stored()

    answer = await dunlin(services, *arguments)

    assert (answer.code, said in answer.err) == (1, True), answer
    assert "Traceback" not in answer.err
    assert await everything_stored() == before


async def test_keys_are_rotated_and_what_is_left_is_said(services: Services) -> None:
    keys = (NEW, *services.settings.secret_keys)
    organization, _ = await a_collecting_organization(services)
    await a_token(services, organization)

    first, second = [await dunlin(services, "keys", "rotate", keys=keys) for _ in range(2)]

    assert (first.code, second.code) == (0, 0)
    assert "sealed anew: 1. Sealed with the first key already: 0." in first.out
    assert "sealed anew: 0. Sealed with the first key already: 1." in second.out
    assert "on an old key: 1." in second.out
    assert AesVault((NEW,)).is_newest(await seal_of(organization))


async def test_credentials_that_no_key_opens_fail_the_rotation_after_all_others_are_done(services: Services) -> None:
    lost, _ = await a_collecting_organization(services)
    kept, _ = await a_collecting_organization(replace(services, vault=AesVault((NEW,))))
    lost_id = (await Connection.get(organization_id=lost.id)).id

    answer = await dunlin(services, "keys", "rotate", keys=(b"m" * 32, NEW))

    assert answer.code == 1
    assert "sealed anew: 1." in answer.out
    assert f"these connections: {lost_id}." in answer.err
    assert AesVault((b"m" * 32,)).is_newest(await seal_of(kept))
