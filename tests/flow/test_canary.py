"""Numbers, names, texts and keys stay out of what the processes say and out of Redis, also when things go wrong."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from twilio.request_validator import RequestValidator

from dunlin.runtime.database import database_config
from tests.client import JSON, acknowledged, connected, error_codes, graphql
from tests.flow.embedded_run import EmbeddedRun, embedded_run
from tests.flow.walk import EDIT_STEP, OPEN, WATCH, Walker, a_walker

NAME = "Quillfeather"
PHONE = "+447700900987"  # reserved for fiction
TEXT = "Wanderheron"
WRONG_KEY = "c0ffee5e" * 4
REFUSED, UNDELIVERED = "+15005550001", "+15005550030"
SOON_S = 20

CONNECT = """
mutation ($id: ID!, $twilio: TwilioInput!) { connectIntegration(input: {
  organizationId: $id, kind: SMS, twilio: $twilio
}) { integration { status } userErrors { code } } }
"""


@dataclass(slots=True)
class Heard:
    """What the processes said, and what went through Redis."""

    said: str = ""
    in_redis: list[str] = field(default_factory=list)
    canaries: dict[str, str] = field(default_factory=dict)

    def found_in(self, text: str) -> list[str]:
        return [name for name, canary in self.canaries.items() if canary.lower() in text.lower()]


@pytest_asyncio.fixture(scope="module")
async def heard(shared_var: Path) -> Heard:
    """All of it, from two runs over the same data in which much goes wrong."""
    heard = Heard()
    async with (
        embedded_run(shared_var) as run,
        httpx.AsyncClient(base_url=run.address, timeout=30) as http,
        database_of(run) as database,
        acknowledged(run.address, run.token),
        redis_watched(run, heard) as redis,
    ):
        walker = await a_walker(http, run.token)
        account = json.loads((shared_var / "sandbox.json").read_text())["accounts"][0]
        await connect(walker, account)
        await ask_badly(walker)
        await speak_badly(run)
        await send_to_good_and_bad_numbers(run, walker, redis, heard)
        await forge_callbacks(http, database)
        await answer_by_sms(http, database, account)
        await fail_at_the_database(run, walker, database)
        heard.canaries = await canaries(run, database, account)
    async with (
        embedded_run(shared_var) as again,
        httpx.AsyncClient(base_url=again.address, timeout=30) as http,
        redis_watched(again, heard) as redis,
    ):
        await send(again, await a_walker(http, again.token), redis, heard, "after the restart", PHONE, "DELIVERED")
    heard.said = run.said + again.said
    return heard


async def connect(walker: Walker, account: JSON) -> None:
    """First with a wrong key, then with the right one."""
    sender = {"phoneNumber": account["phone_numbers"][0]}
    for key, codes in ((WRONG_KEY, ["CREDENTIALS_REJECTED"]), (account["auth_token"], [])):
        twilio = {"accountSid": account["sid"], "authToken": key, "sender": sender}
        body = await graphql(walker.http, walker.token, CONNECT, id=walker.organization_id, twilio=twilio)
        assert [error["code"] for error in body["data"]["connectIntegration"]["userErrors"]] == codes
    await walker.call(EDIT_STEP, id=walker.step_id, text=f"{TEXT} {{{{ customer.name }}}}, {{{{ amount }}}} is due.")


async def ask_badly(walker: Walker) -> None:
    """Unreadable documents, variables, texts, numbers and tokens."""
    ask = walker.http, walker.token
    assert error_codes(await graphql(*ask, f'{{ "{NAME} {PHONE} {TEXT} {walker.token}" ')) == ["GRAPHQL_PARSE_FAILED"]
    assert error_codes(await graphql(*ask, f"{{ {NAME} }}")) == ["GRAPHQL_VALIDATION_FAILED"]
    assert "BAD_USER_INPUT" in error_codes(await graphql(*ask, OPEN, input={NAME: PHONE, "cases": TEXT}))
    unknown = await graphql(walker.http, f"{walker.token}x", "{ viewer { name } }")
    assert error_codes(unknown) == ["UNAUTHENTICATED"]
    await walker.http.get("/graphql", params={"query": NAME, "token": walker.token})
    await walker.http.post("/graphql", content=f'{{"query": "{TEXT}', headers={"Authorization": f"Bearer {ask[1]}"})
    refused = await graphql(*ask, EDIT_STEP, id=walker.step_id, text=f"{TEXT} {{{{ {NAME} }}}}")
    assert refused["data"]["editStep"]["userErrors"][0]["code"] == "UNKNOWN_PLACEHOLDER"
    refused = await graphql(*ask, OPEN, input=cases(walker, "bad", f"{PHONE}12345678"))
    assert refused["data"]["openCollectionCases"]["userErrors"]


async def speak_badly(run: EmbeddedRun) -> None:
    """A wrong token, a frame that is no message, and operations that cannot be run."""
    async with connected(run.address) as socket:
        await socket.send({"type": "connection_init", "payload": {"authToken": f"{run.token}x"}})
        assert await socket.close_code() == 4403
    async with acknowledged(run.address, run.token) as socket:
        await socket.subscribe(f'{{ "{NAME} {PHONE} {TEXT} {run.token}" ')
        assert (await socket.receive())["type"] in ("next", "error")
    async with acknowledged(run.address, run.token) as socket:
        await socket.send_raw(f"{NAME} {PHONE} {TEXT} {run.token}")
        assert await socket.close_code() == 4400


async def send_to_good_and_bad_numbers(run: EmbeddedRun, walker: Walker, redis: Redis, heard: Heard) -> None:
    for phone, status in ((PHONE, "DELIVERED"), (REFUSED, "FAILED"), (UNDELIVERED, "UNDELIVERED")):
        await send(run, walker, redis, heard, phone, phone, status)


async def forge_callbacks(http: httpx.AsyncClient, database: AsyncpgDBClient) -> None:
    attempt = (await database.execute_query_dict("SELECT correlation FROM send_attempt LIMIT 1"))[0]
    for correlation in (attempt["correlation"], "x" * 43):
        form = {"To": PHONE, "Body": TEXT, "MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered"}
        headers = {"X-Twilio-Signature": WRONG_KEY}
        answer = await http.post(f"/webhooks/twilio/{correlation}", data=form, headers=headers)
        assert answer.status_code == 403


async def answer_by_sms(http: httpx.AsyncClient, database: AsyncpgDBClient, account: JSON) -> None:
    """Texts that come in: forged, unreadable, genuine, and refused by the database."""
    path = await inbound_path(database)
    form = {
        "AccountSid": account["sid"],
        "MessageSid": "SM" + "1" * 32,
        "From": PHONE,
        "To": account["phone_numbers"][0],
        "Body": f"{TEXT} says {NAME}",
    }
    assert (await bring(http, path, form, WRONG_KEY)).status_code == 403
    unreadable = {name: value for name, value in form.items() if name != "To"}
    assert (await bring(http, path, unreadable, account["auth_token"])).status_code == 400
    assert (await bring(http, path, form, account["auth_token"])).status_code == 200
    async with refusing(database, "inbound_text", f"text NOT LIKE '%{TEXT}%'"):
        again = {**form, "MessageSid": "SM" + "2" * 32}
        assert (await bring(http, path, again, account["auth_token"])).status_code == 500


async def inbound_path(database: AsyncpgDBClient) -> str:
    found = await database.execute_query_dict("SELECT inbound_key FROM integration WHERE connection_id IS NOT NULL")
    return f"/webhooks/twilio/inbound/{found[0]['inbound_key']}"


async def bring(http: httpx.AsyncClient, path: str, form: dict[str, str], key: str) -> httpx.Response:
    signature = RequestValidator(key).compute_signature(str(http.base_url).rstrip("/") + path, form)
    return await http.post(path, data=form, headers={"X-Twilio-Signature": signature})


async def fail_at_the_database(run: EmbeddedRun, walker: Walker, database: AsyncpgDBClient) -> None:
    """PostgreSQL names the whole row that it refuses: let it refuse a customer, a reminder and an answer."""
    async with refusing(database, "customer", f"name NOT LIKE '%{NAME}%'"):
        body = await graphql(walker.http, walker.token, OPEN, input=cases(walker, "refused", PHONE))
        assert error_codes(body) == ["INTERNAL"]
    async with refusing(database, "reminder", f"text NOT LIKE '%{TEXT}%'"):
        await walker.call(OPEN, input=cases(walker, "not planned", PHONE))
        async with asyncio.timeout(SOON_S):
            await run.output.until("operation failed", "cannot plan")
    async with refusing(database, "reminder", "status NOT IN ('SENT', 'DELIVERED')"):
        await walker.call(OPEN, input=cases(walker, "not recorded", PHONE))
        async with asyncio.timeout(SOON_S):
            await run.output.until("cannot record answers", "answer given up", "uvicorn.error reports an exception")


def cases(walker: Walker, reference: str, phone: str) -> JSON:
    customer = {
        "externalReference": f"{NAME} {reference}",
        "name": f"Zoe {NAME}",
        "phone": phone,
        "email": f"zoe.{NAME}@example.com",
        "language": "en",
    }
    case = {
        "externalReference": reference,
        "customer": customer,
        "amountDue": {"amount": "84.50", "currency": "EUR"},
        "dueOn": "2026-01-15",
    }
    return {"organizationId": walker.organization_id, "cycleId": walker.cycle_id, "cases": [case]}


async def send(
    run: EmbeddedRun, walker: Walker, redis: Redis, heard: Heard, reference: str, phone: str, last: str
) -> None:
    """Open a case and follow its reminder to its end, with a look at all of Redis at every change."""
    async with acknowledged(run.address, run.token) as socket:
        await socket.subscribe(WATCH, id=walker.organization_id)
        await socket.settle()
        await walker.call(OPEN, input=cases(walker, reference, phone))
        async with asyncio.timeout(SOON_S):
            while True:
                message = await socket.receive()
                heard.in_redis += [f"{key!r} {await redis.dump(key)!r}" async for key in redis.scan_iter()]
                if message["payload"]["data"]["deliveryStatus"]["status"] == last:
                    return


@asynccontextmanager
async def redis_watched(run: EmbeddedRun, heard: Heard) -> AsyncIterator[Redis]:
    """Keep every command that reaches Redis meanwhile, from whomever."""
    async with Redis.from_url(run.redis_url) as redis, redis.monitor() as monitor:

        async def listen() -> None:
            async for command in monitor.listen():
                heard.in_redis.append(str(command))

        listening = asyncio.create_task(listen())
        try:
            yield redis
        finally:
            listening.cancel()
            await asyncio.wait([listening])


@asynccontextmanager
async def database_of(run: EmbeddedRun) -> AsyncIterator[AsyncpgDBClient]:
    [url] = {process.environ()["DUNLIN_DATABASE_URL"] for process in run.descendants() if "worker" in process.cmdline()}
    credentials = database_config(url, pool=1)["connections"]["default"]["credentials"]
    client = AsyncpgDBClient(**credentials, connection_name="canary")
    await client.create_connection(with_db=True)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def refusing(database: AsyncpgDBClient, table: str, condition: str) -> AsyncIterator[None]:
    await database.execute_script(f"ALTER TABLE {table} ADD CONSTRAINT canary CHECK ({condition}) NOT VALID")
    yield
    await database.execute_script(f"ALTER TABLE {table} DROP CONSTRAINT canary")


async def canaries(run: EmbeddedRun, database: AsyncpgDBClient, account: JSON) -> dict[str, str]:
    correlations = await database.execute_query_dict("SELECT correlation FROM send_attempt")
    login = base64.b64encode(f"{account['sid']}:{account['auth_token']}".encode()).decode()
    return {
        "name and e-mail address": NAME,
        "phone number": PHONE[1:],
        "refused number": REFUSED[1:],
        "undelivered number": UNDELIVERED[1:],
        "text": TEXT,
        "wrong auth token": WRONG_KEY,
        "auth token": account["auth_token"],
        "login at the carrier": login,
        "API token": run.token,
        "address for inbound texts": (await inbound_path(database)).rsplit("/", 1)[1],
        "secret key": (run.var / "secret-key").read_text().strip(),
        **{f"callback address {place}": row["correlation"] for place, row in enumerate(correlations)},
    }


async def test_the_processes_say_no_number_name_text_or_key_whatever_goes_wrong(heard: Heard) -> None:
    lines = [(heard.found_in(line), line) for line in heard.said.splitlines()]

    assert [line for line in lines if line[0]] == []


async def test_redis_is_given_no_number_name_text_or_key(heard: Heard, shared_var: Path) -> None:
    kept = [path.read_bytes().decode(errors="replace") for path in shared_var.glob("valkey/**/*") if path.is_file()]

    assert any("dunlin:queue" in text for text in heard.in_redis)
    assert any("dunlin:queue" in text for text in kept)
    assert {found for text in (*heard.in_redis, *kept) for found in heard.found_in(text)} == set()


@pytest.mark.parametrize(
    "event",
    [
        "operation failed",
        "callback refused",
        "cannot plan",
        "cannot record answers",
        "uvicorn.error reports an exception",
    ],
)
def test_what_goes_wrong_is_said_all_the_same(heard: Heard, event: str) -> None:
    assert event in heard.said
