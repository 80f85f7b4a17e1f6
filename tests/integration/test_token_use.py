"""When a token was used, its hash after a change of keys, and what becomes of sockets when it goes out of force."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from tortoise.transactions import in_transaction

from dunlin.api.ids import encode_id
from dunlin.api.token_uses import TokenUses
from dunlin.domain.actions.note_token_use import TokenUse, note_token_uses, use_to_note
from dunlin.domain.actions.revoke_token import revoke_token
from dunlin.domain.tables import Account, Token
from dunlin.domain.vault import key_id
from dunlin.domain.viewer import digest, token_of
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_token, a_viewer, an_account, an_organization
from tests.client import Socket, acknowledged, ask
from tests.statements import is_noting, statements

OLD, NEW = b"o" * 32, b"n" * 32
VIEWER = "{ viewer { name } }"
WATCH = "subscription ($id: ID!) { deliveryStatus(organizationId: $id) { status } }"


@pytest_asyncio.fixture
async def account(services: Services) -> Account:
    return await an_account()


@pytest_asyncio.fixture
async def secret(services: Services, account: Account) -> str:
    return await a_token(services, account)


async def use(secret: str, keys: tuple[bytes, ...], now: datetime) -> bool:
    """Use a token as a request does; return whether that was worth noting."""
    token = await token_of(secret, keys, now)
    assert token is not None
    noted = use_to_note(token, secret, keys[0], now)
    if noted is not None:
        await note_token_uses([noted])
    return noted is not None


async def until(is_so: Callable[[Token], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so(await Token.get()):
            pass


async def test_a_request_is_noted_as_the_token_s_last_use(http: httpx.AsyncClient, secret: str) -> None:
    before = datetime.now(UTC)

    await ask(http, secret, VIEWER)

    await until(lambda token: token.last_used_at is not None and token.last_used_at >= before)


async def test_a_failure_to_note_a_use_fails_no_request(
    http: httpx.AsyncClient, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = asyncio.Event()

    async def broken(*_: object) -> None:
        tried.set()
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr("dunlin.api.token_uses.note_token_uses", broken)
        await ask(http, secret, VIEWER)
        async with asyncio.timeout(5):
            await tried.wait()
    assert (await Token.get()).last_used_at is None

    await ask(http, secret, VIEWER)

    await until(lambda token: token.last_used_at is not None)


async def test_requests_that_come_while_a_use_is_being_stored_cost_no_statement_more(
    http: httpx.AsyncClient, secret: str
) -> None:
    token = await Token.get()
    with statements(is_noting) as run:
        async with in_transaction():
            await Token.select_for_update().get(id=token.id)
            for _ in range(5):
                await ask(http, secret, VIEWER)
        await until(lambda token: token.last_used_at is not None)
        await ask(http, secret, VIEWER)

    assert len(run) == 1


@pytest.mark.parametrize(
    ("after", "key"),
    [pytest.param(timedelta(minutes=1), OLD, id="a minute later"), pytest.param(timedelta(), NEW, id="with a new key")],
)
async def test_a_process_that_has_stored_a_use_stores_the_next_one(
    services: Services, secret: str, after: timedelta, key: bytes
) -> None:
    uses, token = TokenUses(), await Token.get()
    running = asyncio.create_task(uses.run())
    uses.note(TokenUse(token.id, NOW, digest(secret, OLD), key_id(OLD).hex()))
    await until(lambda token: token.last_used_at == NOW)

    uses.note(TokenUse(token.id, NOW + after, digest(secret, key), key_id(key).hex()))

    await until(lambda token: (token.last_used_at, token.key_id) == (NOW + after, key_id(key).hex()))
    running.cancel()


async def test_uses_are_noted_once_a_minute(services: Services, secret: str) -> None:
    keys = services.settings.secret_keys

    noted = [await use(secret, keys, NOW + timedelta(seconds=second)) for second in (0, 1, 59, 60, 61, 120)]

    assert noted == [True, False, False, True, False, True]
    assert (await Token.get()).last_used_at == NOW + timedelta(seconds=120)


async def test_of_the_uses_that_many_processes_note_in_a_minute_one_is_stored(services: Services, secret: str) -> None:
    key = services.settings.secret_keys[0]
    token = await Token.get()
    uses = [use_to_note(token, secret, key, NOW + timedelta(seconds=second)) for second in range(30)]

    for noted in uses:
        assert noted is not None
        await note_token_uses([noted])

    assert (await Token.get()).last_used_at == NOW


async def test_a_use_moves_the_hash_to_the_newest_key(services: Services, secret: str) -> None:
    former = services.settings.secret_keys
    await use(secret, former, NOW)

    assert await use(secret, (NEW, *former), NOW + timedelta(seconds=1))

    assert await token_of(secret, (NEW,), NOW) is not None
    assert await token_of(secret, former, NOW) is None


async def test_a_token_that_was_not_used_before_its_key_was_removed_opens_nothing(
    services: Services, secret: str
) -> None:
    assert await token_of(secret, (NEW,), NOW) is None


async def test_tokens_of_several_accounts_are_noted_together(services: Services) -> None:
    keys = services.settings.secret_keys
    secrets = [await a_token(services, await an_account(f"Account {number}")) for number in range(5)]
    uses = []
    for secret in secrets:
        token = await token_of(secret, keys, NOW)
        assert token is not None
        noted = use_to_note(token, secret, NEW, NOW)
        assert noted is not None
        uses.append(noted)

    await note_token_uses(uses)

    assert [await token_of(secret, (NEW,), NOW) is not None for secret in secrets] == [True] * 5
    assert {token.last_used_at for token in await Token.all()} == {NOW}


async def expire(services: Services, token: Token) -> None:
    token.expires_at = datetime.now(UTC)
    await token.save(update_fields=["expires_at"])


async def revoke_it(services: Services, token: Token) -> None:
    await revoke_token(services.store, a_viewer(await token.account), token_id=token.id, now=datetime.now(UTC))


@pytest.mark.parametrize("end", [expire, revoke_it], ids=["expired", "revoked"])
async def test_a_socket_with_a_running_subscription_is_closed_when_its_token_goes_out_of_force(
    api_address: str,
    services: Services,
    account: Account,
    secret: str,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Services, Token], Awaitable[None]],
) -> None:
    monkeypatch.setattr("dunlin.api.stays._LOOKED_AT_EVERY_S", 0.01)
    organization = await an_organization(account)
    async with acknowledged(api_address, secret) as socket:
        await watch(socket, organization.id)

        await end(services, await Token.get())

        assert await socket.close_code() == 4403


async def test_a_socket_outlives_a_database_that_does_not_answer(
    api_address: str, services: Services, account: Account, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunlin.api.stays._LOOKED_AT_EVERY_S", 0.01)
    looked = asyncio.Event()

    async def broken(*_: object) -> None:
        looked.set()
        raise RuntimeError

    organization = await an_organization(account)
    async with acknowledged(api_address, secret) as socket:
        await watch(socket, organization.id)
        with monkeypatch.context() as patched:
            patched.setattr("dunlin.api.authentication.tokens_of", broken)
            async with asyncio.timeout(5):
                await looked.wait()
        await socket.settle()

        await revoke_it(services, await Token.get())

        assert await socket.close_code() == 4403


async def watch(socket: Socket, organization_id: int) -> None:
    await socket.subscribe(WATCH, id=encode_id("Organization", organization_id))
    await socket.settle()


async def test_a_use_of_another_token_leaves_the_one_that_has_its_id_now_as_it_is(services: Services) -> None:
    key = services.settings.secret_keys[0]
    await a_token(services, await an_account())
    token = await Token.get()
    late = TokenUse(token.id, datetime.now(UTC), digest("dunlin_of_somebody_else", key), token.key_id)

    await note_token_uses([late])

    assert ((await Token.get()).digest, (await Token.get()).last_used_at) == (token.digest, None)
