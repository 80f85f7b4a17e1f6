"""Requests that are wrong in themselves, and the ways to steer the sandbox."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, encode_basic_auth

from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving
from dunlin.sandbox.world import World

ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32)
CORE = f"/2010-04-01/Accounts/{ACCOUNT.sid}"
MESSAGES = f"{CORE}/Messages.json"
BASIC = {"Authorization": encode_basic_auth(ACCOUNT.sid, ACCOUNT.auth_token)}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[ClientSession]:
    async with serving(World([ACCOUNT])) as base_url, ClientSession(base_url) as session:
        yield session


WRONG: dict[str, tuple[str, str, dict[str, str], bytes, int, int]] = {
    "no credentials": ("POST", MESSAGES, {}, b"", 401, 20003),
    "another scheme": ("GET", MESSAGES, {"Authorization": "Bearer x"}, b"", 401, 20003),
    "no Base64": ("GET", MESSAGES, {"Authorization": "Basic é"}, b"", 401, 20003),
    "no UTF-8": ("GET", MESSAGES, {"Authorization": "Basic /////w=="}, b"", 401, 20003),
    "an unknown path": ("GET", f"{CORE}/Faxes.json", BASIC, b"", 404, 20404),
    "a slash too many": ("GET", f"{MESSAGES}/", BASIC, b"", 404, 20404),
    "an unknown message": ("GET", f"{CORE}/Messages/SM1.json", BASIC, b"", 404, 20404),
    "an unknown country": ("GET", "/pricing/v1/Messaging/Countries/XX", BASIC, b"", 404, 20404),
    "a wrong method": ("PUT", MESSAGES, BASIC, b"", 405, 20004),
    "JSON": ("POST", MESSAGES, BASIC | {"Content-Type": "application/json"}, b'{"To": "1"}', 415, 20415),
    "no fields": ("POST", MESSAGES, BASIC | FORM, b"", 400, 21604),
    "no text at all": ("POST", MESSAGES, BASIC | FORM, b"\x00\xff%ff=%zz&&=", 400, 21604),
    "more than 64 kB": ("POST", MESSAGES, BASIC | FORM, b"a" * 70_000, 413, 20413),
    "half a million empty fields": ("POST", MESSAGES, BASIC | FORM, b"&" * 65_000, 400, 21604),
    "a wrong day": ("GET", f"{MESSAGES}?DateSent=soon", BASIC, b"", 400, 20001),
}


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_refused_in_the_words_of_twilio(
    method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: int, client: ClientSession
) -> None:
    async with client.request(method, path, headers=headers, data=body) as answer:
        refusal = await answer.json()
    assert (answer.status, refusal["status"], refusal["code"]) == (status, status, code)
    assert refusal["more_info"].endswith(f"/{code}")
    assert refusal["message"]


async def test_odd_paging_is_read_as_the_usual(client: ClientSession) -> None:
    query = {"PageSize": "-1", "Page": "²", "PageToken": "PASM1"}
    async with client.get(MESSAGES, params=query, headers=BASIC) as answer:
        assert (answer.status, (await answer.json())["page_size"]) == (200, 50)


async def test_behaviour_can_be_read_and_changed_while_running(client: ClientSession) -> None:
    async with client.put("/sandbox/behaviour", json={"throttle_rate": 0.25, "retry_after_s": 3}) as answer:
        assert answer.status == 200
    async with client.get("/sandbox/behaviour") as answer:
        behaviour = await answer.json()
    assert (behaviour["throttle_rate"], behaviour["retry_after_s"], behaviour["seed"]) == (0.25, 3, 0)
    async with client.put("/sandbox/behaviour", json={"throttle_rate": 0, "retry_after_s": None}) as answer:
        assert answer.status == 200


UNUSABLE = {
    "no JSON": (b"x", "not JSON"),
    "no object": (b"[]", "must be a JSON object"),
    "deep JSON": (b"[" * 60_000, "not JSON"),
    "not a number": (b'{"sent_delay_s": NaN}', "not JSON"),
    "an unknown key": (b'{"sent_delay": 1}', "sent_delay: unknown; there are seed, "),
    "a value out of range": (b'{"hang_rate": 2}', "hang_rate: Input should be less than or equal to 1"),
}


@pytest.mark.parametrize(("body", "sentence"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_unusable_behaviour_is_refused_with_the_key_and_what_is_allowed(
    body: bytes, sentence: str, client: ClientSession
) -> None:
    async with client.put("/sandbox/behaviour", data=body) as answer:
        assert answer.status == 400
        assert sentence in (await answer.json())["error"]


async def test_the_sandbox_says_that_it_is_up(client: ClientSession) -> None:
    async with client.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
