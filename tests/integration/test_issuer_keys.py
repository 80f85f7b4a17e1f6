"""Knowing an issuer's keys: when it is asked for them, how long they hold, and what it may answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunlin.runtime.issuer_documents import IssuerDocuments, NoKeys, issuer_session, keys_address, keys_of
from dunlin.runtime.issuer_keys import IssuerKeys, KeysUnavailable, KeyTimes, UnknownKey
from tests.issuer import CONFIGURATION, KEYS, Issuer, key_number, public

TIMES = KeyTimes()
ASK_AGAIN_S, TRUST_S = TIMES.ask_again_after.total_seconds(), TIMES.trust_for.total_seconds()
QUICKLY = timedelta(seconds=0.2)
NOW = 1_000_000.0


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().serving() as issuer:
        yield issuer


@pytest_asyncio.fixture
async def documents(issuer: Issuer) -> AsyncIterator[IssuerDocuments]:
    async with issuer_session() as session:
        yield IssuerDocuments(session, issuer.address, issuer.address + KEYS, "RS256", timedelta(seconds=5))


@pytest_asyncio.fixture
async def discovering(issuer: Issuer) -> AsyncIterator[IssuerDocuments]:
    async with issuer_session() as session:
        yield IssuerDocuments(session, issuer.address, None, "RS256", timedelta(seconds=5))


@pytest_asyncio.fixture
async def keys(documents: IssuerDocuments) -> AsyncIterator[IssuerKeys]:
    keys = IssuerKeys(documents.keys, TIMES)
    yield keys
    await keys.close()


async def outcome(keys: IssuerKeys, kid: str, now: float) -> str:
    try:
        return str((await keys.find(kid, now)).key_id)
    except (UnknownKey, KeysUnavailable) as error:
        return type(error).__name__


async def test_a_key_is_fetched_when_it_is_needed_first_and_then_known(issuer: Issuer, keys: IssuerKeys) -> None:
    found = [await outcome(keys, "first", NOW + second) for second in (0, 1, 60)]

    assert found == ["first"] * 3
    assert issuer.asked == [KEYS]


async def test_a_flood_of_unknown_keys_asks_the_issuer_once(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)

    at_once = await asyncio.gather(*(outcome(keys, f"unknown-{number}", NOW + 1) for number in range(500)))
    later = [await outcome(keys, f"later-{number}", NOW + 1 + number / 60) for number in range(500)]

    assert {*at_once, *later} == {"UnknownKey"}
    assert issuer.asked == [KEYS] * 2


async def test_whoever_needs_keys_while_they_are_fetched_waits_for_the_same_answer(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    released = issuer.hold()
    waiting = [asyncio.create_task(outcome(keys, "first", NOW)) for _ in range(50)]
    refreshing = asyncio.create_task(keys.refresh(NOW))
    await issuer.was_asked(1)

    released.set()

    assert await asyncio.gather(*waiting) == ["first"] * 50
    assert await refreshing
    assert issuer.asked == [KEYS]


async def test_one_who_gives_up_waiting_takes_the_answer_from_nobody(issuer: Issuer, keys: IssuerKeys) -> None:
    released = issuer.hold()
    impatient, patient = (asyncio.create_task(outcome(keys, "first", NOW)) for _ in range(2))
    await issuer.was_asked(1)
    impatient.cancel()

    released.set()

    assert await patient == "first"
    assert impatient.cancelled()


async def test_a_known_key_is_there_at_once_while_others_wait(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)
    released = issuer.hold()
    waiting = asyncio.create_task(outcome(keys, "unknown", NOW + 1))
    await issuer.was_asked(2)

    assert await outcome(keys, "first", NOW + 1) == "first"

    assert not waiting.done()
    released.set()
    assert await waiting == "UnknownKey"


async def test_a_new_key_is_known_with_the_first_token_that_names_it(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)
    issuer.rotate("second", keep=True)

    assert await outcome(keys, "second", NOW + 1) == "second"
    assert await outcome(keys, "first", NOW + 1) == "first"


async def test_after_an_unknown_key_another_one_is_asked_for_only_some_seconds_later(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    await outcome(keys, "unknown", NOW)
    issuer.rotate("second")

    found = [await outcome(keys, "second", NOW + later) for later in (1, ASK_AGAIN_S - 0.001, ASK_AGAIN_S)]

    assert found == ["UnknownKey", "UnknownKey", "second"]
    assert issuer.asked == [KEYS] * 2


async def test_a_withdrawn_key_is_forgotten_at_the_next_refresh(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)
    issuer.rotate("second")
    assert await outcome(keys, "first", NOW + 1) == "first"

    await keys.refresh(NOW + 2)

    assert await outcome(keys, "first", NOW + 3) == "UnknownKey"


async def test_known_keys_hold_for_an_hour_while_the_issuer_is_away(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)
    await issuer.leave()
    assert not await keys.refresh(NOW + 60)

    found = [await outcome(keys, "first", NOW + later) for later in (61, TRUST_S - 1, TRUST_S, TRUST_S + 1)]

    assert found == ["first", "first", "KeysUnavailable", "KeysUnavailable"]


async def test_keys_that_hold_for_less_than_the_issuer_is_left_alone_are_not_called_unknown(
    documents: IssuerDocuments,
) -> None:
    keys = IssuerKeys(documents.keys, replace(TIMES, trust_for=timedelta(seconds=1)))

    assert [await outcome(keys, "first", NOW + later) for later in (0, 2)] == ["first", "KeysUnavailable"]


async def test_an_unknown_key_cannot_be_told_while_the_issuer_is_away(issuer: Issuer, keys: IssuerKeys) -> None:
    await keys.refresh(NOW)
    await issuer.leave()

    assert [await outcome(keys, "second", NOW + later) for later in (1, 2)] == ["KeysUnavailable"] * 2


async def test_an_issuer_that_is_away_at_the_start_is_asked_again(issuer: Issuer, keys: IssuerKeys) -> None:
    await issuer.leave()
    away = [await outcome(keys, "first", NOW + later) for later in (0, 1)]
    await issuer.arrive()

    back = [await outcome(keys, "first", NOW + later) for later in (ASK_AGAIN_S - 1, ASK_AGAIN_S)]

    assert away == ["KeysUnavailable"] * 2
    assert back == ["KeysUnavailable", "first"]
    assert issuer.asked == [KEYS]


async def test_keys_are_fetched_regularly_and_sooner_after_a_failure(
    issuer: Issuer, documents: IssuerDocuments
) -> None:
    often = replace(TIMES, refresh_every=timedelta(0), ask_again_after=timedelta(0))
    keys = IssuerKeys(documents.keys, often)
    issuer.answer(KEYS, "", 500)
    running = asyncio.create_task(keys.run())

    await issuer.was_asked(3)
    issuer.answers.clear()
    await issuer.was_asked(9)

    running.cancel()
    assert (await keys.find("first", 0)).key_id == "first"
    await keys.close()


async def test_an_issuer_says_itself_where_its_keys_lie(issuer: Issuer, discovering: IssuerDocuments) -> None:
    assert list(await discovering.keys()) == ["first"]
    assert issuer.asked == [CONFIGURATION, KEYS]


async def test_the_configuration_of_an_issuer_with_a_slash_at_its_end_is_found(issuer: Issuer) -> None:
    slashed = f"{issuer.address}/"
    issuer.answer(CONFIGURATION, {**issuer.configuration, "issuer": slashed})
    async with issuer_session() as session:
        documents = IssuerDocuments(session, slashed, None, "RS256", timedelta(seconds=5))

        assert list(await documents.keys()) == ["first"]


async def test_a_configuration_that_cannot_be_trusted_is_not_followed(
    issuer: Issuer, discovering: IssuerDocuments
) -> None:
    everywhere = (issuer.address + KEYS).replace("127.0.0.1", "0.0.0.0")  # noqa: S104  also this machine, by other means
    issuer.answer(CONFIGURATION, {**issuer.configuration, "jwks_uri": everywhere})

    with pytest.raises(NoKeys):
        await discovering.keys()
    assert issuer.asked == [CONFIGURATION]


HERE, THERE = "http://127.0.0.1:8080", "https://login.example.com/"
CONFIGURATIONS: dict[str, tuple[str, dict[str, object]]] = {
    "another issuer": (THERE, {"issuer": "https://elsewhere.example"}),
    "the issuer without its slash": (THERE, {"issuer": THERE.rstrip("/")}),
    "no issuer": (THERE, {"issuer": None}),
    "no keys": (THERE, {"jwks_uri": None}),
    "keys by plain http": (THERE, {"jwks_uri": "http://login.example.com/keys"}),
    "keys on this machine": (THERE, {"jwks_uri": "http://127.0.0.1:8080/keys"}),
    "keys in a file": (HERE, {"jwks_uri": "file:///etc/passwd"}),
    "keys with a password": (HERE, {"jwks_uri": "http://me:secret@127.0.0.1:8080/keys"}),
    "keys in the network": (HERE, {"jwks_uri": "http://10.0.0.5/keys"}),
    "several keys": (HERE, {"jwks_uri": ["http://127.0.0.1:8080/keys"]}),
}


@pytest.mark.parametrize(("issuer_name", "changed"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_a_configuration_that_cannot_be_trusted_names_no_keys(issuer_name: str, changed: dict[str, object]) -> None:
    good = {"issuer": issuer_name, "jwks_uri": f"{issuer_name.rstrip('/')}/keys"}
    assert keys_address(good, issuer_name) == good["jwks_uri"]

    with pytest.raises(NoKeys):
        keys_address({**good, **changed}, issuer_name)


def test_an_issuer_may_keep_its_keys_elsewhere_and_one_on_this_machine_anywhere() -> None:
    elsewhere = "https://keys.example.com/keys?tenant=1"

    assert [keys_address({"issuer": name, "jwks_uri": elsewhere}, name) for name in (HERE, THERE)] == [elsewhere] * 2


async def test_a_redirect_is_not_followed(issuer: Issuer, documents: IssuerDocuments) -> None:
    issuer.answer(KEYS, "", 302, Location=f"{issuer.address}/other")

    with pytest.raises(NoKeys, match="HTTP 302"):
        await documents.keys()
    assert issuer.asked == [KEYS]


BODIES = {
    "nothing": "",
    "no JSON": "<html>",
    "a list": "[]",
    "nothing nested": "[" * 100_000,
    "no keys": "{}",
    "keys that are no list": '{"keys": {"kid": "first"}}',
    "an empty list": '{"keys": []}',
    "bytes that are no text": "\udcff",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_an_answer_without_keys_changes_nothing(issuer: Issuer, keys: IssuerKeys, body: str) -> None:
    await keys.refresh(NOW)

    async def answered(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body.encode(errors="surrogateescape"))

    issuer.answers[KEYS] = answered

    assert not await keys.refresh(NOW + 1)
    assert await outcome(keys, "first", NOW + 2) == "first"


@pytest.mark.parametrize("status", [201, 204, 304, 400, 404, 429, 500, 503])
async def test_an_answer_that_is_no_success_gives_no_keys(
    issuer: Issuer, documents: IssuerDocuments, status: int
) -> None:
    issuer.answer(KEYS, "" if status in (204, 304) else issuer.jwks, status)

    with pytest.raises(NoKeys, match=f"HTTP {status}"):
        await documents.keys()


async def test_an_answer_without_end_is_cut_off(issuer: Issuer, documents: IssuerDocuments) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    issuer.answers[KEYS] = endless

    with pytest.raises(NoKeys, match="too large"):
        await documents.keys()


async def test_an_answer_that_does_not_come_is_not_waited_for(issuer: Issuer) -> None:
    released = issuer.hold()
    async with issuer_session() as session:
        documents = IssuerDocuments(session, issuer.address, issuer.address + KEYS, "RS256", QUICKLY)

        async with asyncio.timeout(5):
            with pytest.raises(NoKeys, match="TimeoutError"):
                await documents.keys()
    released.set()


GOOD_KEY = public(key_number(1), "RS256", kid="first")
SMALL_KEY = {**GOOD_KEY, "n": GOOD_KEY["n"][:170]}  # 1020 bits

UNUSABLE = {
    "no id": {**GOOD_KEY, "kid": None},
    "an empty id": {**GOOD_KEY, "kid": ""},
    "an id that is a number": {**GOOD_KEY, "kid": 1},
    "for encryption": {**GOOD_KEY, "use": "enc"},
    "for signing only": {**GOOD_KEY, "key_ops": ["sign"]},
    "of another algorithm": {**GOOD_KEY, "alg": "PS256"},
    "of another kind": public(key_number(1, "ES256"), "ES256", kid="first", alg="RS256"),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "first", "alg": "HS256"},
    "a shared secret that says RS256": {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "first", "alg": "RS256"},
    "a private key": {**GOOD_KEY, **jwt.get_algorithm_by_name("RS256").to_jwk(key_number(1), as_dict=True)}
    | {"key_ops": ["sign", "verify"]},
    "too short": SMALL_KEY,
    "without its number": {name: value for name, value in GOOD_KEY.items() if name != "n"},
    "with a number that is none": {**GOOD_KEY, "n": [1]},
    "with letters that base64 does not have": {**GOOD_KEY, "n": "é"},
    "no object": "first",
}


@pytest.mark.parametrize("key", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_key_that_is_not_to_check_signatures_with_is_left_out(key: object) -> None:
    other = {**GOOD_KEY, "kid": "other"}

    assert list(keys_of({"keys": [key, other]}, "RS256")) == ["other"]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("AQab9-_=+é\0\ud800", max_size=20)
    | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed448", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["kty", "crv", "n", "e", "x", "y", "alg", "use", "key_ops", "x5c"]), JSON_VALUES),
    st.sampled_from(["RS256", "PS512", "ES256", "ES512", "EdDSA"]),
)
def test_whatever_an_issuer_publishes_harms_no_other_key(strange: dict[str, object], algorithm: str) -> None:
    good = public(key_number(1, algorithm), algorithm, kid="good")
    document = {"keys": [{**good, "kid": "strange", **strange}, good]}

    assert "good" in keys_of(document, algorithm)
