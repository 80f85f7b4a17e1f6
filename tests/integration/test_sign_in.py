"""Checking the tokens that an issuer signs for users: which are let through, and what is said of the others."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import get_args

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunlin.runtime.issuer_keys import KeysUnavailable, KeyTimes
from dunlin.runtime.settings import Algorithm, Settings
from dunlin.runtime.sign_in import LONGEST_TOKEN, SignIn, TokenInvalid, open_sign_in
from tests.issuer import AUDIENCE, CONFIGURATION, KEYS, Issuer, key_number, public

UNREADABLE = "The token cannot be read."
NO_TOKEN = "This is no token."
UNKNOWN_KEY = "The issuer has no such key as the token is signed with."
SIGNATURE = "The token's signature is wrong."
EXPIRED, NOT_YET = "The token has expired.", "The token is not valid yet."
LEEWAY_S = 30


@asynccontextmanager
async def sign_in_of(issuer: Issuer, **settings: object) -> AsyncIterator[SignIn]:
    given = {"oidc_issuer": issuer.address, "oidc_audience": AUDIENCE, "oidc_algorithm": issuer.algorithm, **settings}
    async with open_sign_in(Settings.model_validate(given), KeyTimes()) as sign_in:
        assert sign_in is not None
        yield sign_in


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer().serving() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module")
async def sign_in(issuer: Issuer) -> AsyncIterator[SignIn]:
    async with sign_in_of(issuer) as sign_in:
        yield sign_in


async def reason(sign_in: SignIn, token: str) -> str:
    with pytest.raises(TokenInvalid) as refused:
        await sign_in.check(token)
    return refused.value.reason


def encoded(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(issuer: Issuer, header: Mapping[str, object], claims: Mapping[str, object] | None = None) -> str:
    """Return a token with a good one's signature."""
    return f"{encoded(header)}.{encoded(claims or issuer.claims)}.{issuer.token().split('.')[2]}"


async def test_a_token_of_the_issuer_tells_who_has_signed_in(issuer: Issuer, sign_in: SignIn) -> None:
    end = int(time.time()) + 600

    signed_in = await sign_in.check(issuer.token({"sub": "user-7", "exp": end, "colour": "green"}))

    assert (signed_in.subject, signed_in.name) == ("user-7", "Ada Reyes")
    assert signed_in.until == datetime.fromtimestamp(end + LEEWAY_S, UTC)
    assert signed_in.claims["colour"] == "green"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, "user-1"),
        ("", "user-1"),
        (" \n", "user-1"),
        (7, "user-1"),
        ("Zoë Ünal", "Zoë Ünal"),
        ("A\0d\na\u202e\ud800", "Ada"),
        ("x" * 300, "x" * 200),
    ],
)
async def test_a_name_is_shown_as_far_as_it_can_be(issuer: Issuer, sign_in: SignIn, name: object, shown: str) -> None:
    assert (await sign_in.check(issuer.token({"name": name}))).name == shown


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
async def test_each_algorithm_that_can_be_set_checks_signatures(algorithm: str) -> None:
    other = "ES256" if algorithm.startswith("RS") else "RS256"
    async with Issuer(algorithm).serving() as issuer, sign_in_of(issuer) as sign_in:
        assert (await sign_in.check(issuer.token())).subject == "user-1"
        assert await reason(sign_in, issuer.token(signed_by=key_number(2, algorithm))) == SIGNATURE
        of_other = issuer.token(signed_by=key_number(1, other), algorithm=other)
        assert await reason(sign_in, of_other) == f"A token must be signed by {algorithm}."


async def test_keys_lie_where_the_setting_says(issuer: Issuer) -> None:
    issuer.answer("/elsewhere", issuer.jwks)
    issuer.asked.clear()
    async with sign_in_of(issuer, oidc_jwks_url=f"{issuer.address}/elsewhere") as sign_in:
        await sign_in.check(issuer.token())

    assert issuer.asked == ["/elsewhere"]


async def test_nobody_can_sign_in_where_no_issuer_is_set() -> None:
    async with open_sign_in(Settings(), KeyTimes()) as sign_in:
        assert sign_in is None


async def test_the_issuer_is_not_asked_before_somebody_signs_in(issuer: Issuer) -> None:
    issuer.asked.clear()
    async with sign_in_of(issuer) as sign_in:
        assert issuer.asked == []
        await sign_in.check(issuer.token())
    assert issuer.asked == [CONFIGURATION, KEYS]


IN_TIME = {
    "just before its end": {"exp": -LEEWAY_S + 5},
    "valid from in a moment": {"nbf": LEEWAY_S - 5},
    "made in a moment": {"iat": LEEWAY_S - 5},
}
OUT_OF_TIME = {
    "just after its end": ({"exp": -LEEWAY_S}, EXPIRED),
    "long after its end": ({"exp": -1_000_000}, EXPIRED),
    "valid from later": ({"nbf": LEEWAY_S + 5}, NOT_YET),
    "made later": ({"iat": LEEWAY_S + 5}, NOT_YET),
}


def at(moments: Mapping[str, int]) -> dict[str, int]:
    """Return claims in seconds from now."""
    return {name: int(time.time()) + seconds for name, seconds in moments.items()}


@pytest.mark.parametrize("moments", IN_TIME.values(), ids=IN_TIME.keys())
async def test_clocks_may_differ_a_little(issuer: Issuer, sign_in: SignIn, moments: Mapping[str, int]) -> None:
    assert (await sign_in.check(issuer.token(at(moments)))).subject == "user-1"


@pytest.mark.parametrize(("moments", "why"), OUT_OF_TIME.values(), ids=OUT_OF_TIME.keys())
async def test_a_token_outside_its_time_is_refused(
    issuer: Issuer, sign_in: SignIn, moments: Mapping[str, int], why: str
) -> None:
    assert await reason(sign_in, issuer.token(at(moments))) == why


async def test_how_much_clocks_may_differ_is_a_setting(issuer: Issuer) -> None:
    token = issuer.token(at({"exp": -100}))
    async with sign_in_of(issuer, oidc_leeway=120) as patient, sign_in_of(issuer, oidc_leeway=0) as strict:
        assert (await patient.check(token)).until > datetime.now(UTC)
        assert await reason(strict, token) == EXPIRED
        assert await reason(strict, issuer.token(at({"exp": 0}))) == EXPIRED


@pytest.mark.parametrize("claim", ["exp", "sub", "iss", "aud"])
async def test_a_token_without_one_of_the_four_claims_is_refused(issuer: Issuer, sign_in: SignIn, claim: str) -> None:
    claims = {name: value for name, value in issuer.claims.items() if name != claim}
    token = jwt.encode(claims, key_number(1), "RS256", {"kid": "first"})

    assert await reason(sign_in, token) == f"The token lacks the claim {claim}."


async def test_a_token_may_be_for_others_too(issuer: Issuer, sign_in: SignIn) -> None:
    assert (await sign_in.check(issuer.token({"aud": ["https://other.example", AUDIENCE]}))).subject == "user-1"


AUDIENCE_WRONG, SUBJECT_WRONG = (
    "The token is for another audience.",
    "The claim sub should be a text of 1 to 255 characters.",
)
END_WRONG = "The claim exp should be a number."
CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "another audience": ({"aud": "https://other.example"}, AUDIENCE_WRONG),
    "an audience with a slash": ({"aud": f"{AUDIENCE}/"}, AUDIENCE_WRONG),
    "other audiences": ({"aud": ["a", "b"]}, AUDIENCE_WRONG),
    "no audience in a list": ({"aud": []}, "The token lacks the claim aud."),
    "an audience that is no text": ({"aud": {AUDIENCE: True}}, AUDIENCE_WRONG),
    "a number among audiences": ({"aud": [AUDIENCE, 1]}, AUDIENCE_WRONG),
    "a subject that is a number": ({"sub": 7}, UNREADABLE),
    "an empty subject": ({"sub": ""}, SUBJECT_WRONG),
    "an endless subject": ({"sub": "x" * 256}, SUBJECT_WRONG),
    "a subject on two lines": ({"sub": "a\nb"}, SUBJECT_WRONG),
    "a subject with a nul": ({"sub": "a\0b"}, SUBJECT_WRONG),
    "half a letter as subject": ({"sub": "\ud800"}, SUBJECT_WRONG),
    "an end in words": ({"exp": "tomorrow"}, UNREADABLE),
    "an end in digits": ({"exp": "99999999999"}, END_WRONG),
    "an end that is null": ({"exp": None}, "The token lacks the claim exp."),
    "an end that is true": ({"exp": True}, EXPIRED),
    "an end that is no number": ({"exp": float("nan")}, UNREADABLE),
    "an end that never comes": ({"exp": float("inf")}, UNREADABLE),
    "an end beyond all calendars": ({"exp": 10**15}, "The claim exp should be a time."),
    "an end beyond all numbers": ({"exp": 10**400}, "The claim exp should be a time."),
    "an end in the last second of the calendar": ({"exp": 253402300799}, "The claim exp should be a time."),
    "made in words": ({"iat": "yesterday"}, UNREADABLE),
    "made never": ({"iat": None}, UNREADABLE),
    "valid from a list": ({"nbf": [1]}, UNREADABLE),
    "a number of its own that is none": ({"jti": 1}, UNREADABLE),
}


@pytest.mark.parametrize(("claims", "why"), CLAIMS.values(), ids=CLAIMS.keys())
async def test_a_token_with_a_wrong_claim_is_refused(
    issuer: Issuer, sign_in: SignIn, claims: dict[str, object], why: str
) -> None:
    assert await reason(sign_in, issuer.token(claims)) == why


@pytest.mark.parametrize("suffix", ["/", "x", "/realm", "."])
async def test_the_issuer_must_be_named_to_the_letter(issuer: Issuer, sign_in: SignIn, suffix: str) -> None:
    assert await reason(sign_in, issuer.token({"iss": issuer.address + suffix})) == "The token is of another issuer."


@pytest.mark.parametrize("header", [{}, {"kid": ""}, {"kid": None}, {"kid": 1}, {"kid": ["first"]}], ids=json.dumps)
async def test_a_token_that_names_no_key_is_refused(issuer: Issuer, sign_in: SignIn, header: dict[str, object]) -> None:
    why = await reason(sign_in, forged(issuer, {"alg": "RS256", **header}))

    assert why == ("The token does not say which key it is signed with." if header in ({}, {"kid": ""}) else UNREADABLE)


@pytest.mark.parametrize("kid", ["second", "../../etc/passwd", "' OR 1=1 --", "FIRST", "first ", "\0", "é" * 100])
async def test_a_token_signed_with_a_key_that_the_issuer_does_not_publish_is_refused(
    issuer: Issuer, sign_in: SignIn, kid: str
) -> None:
    assert await reason(sign_in, issuer.token(headers={"kid": kid})) == UNKNOWN_KEY


async def test_a_token_signed_with_another_key_is_refused(issuer: Issuer, sign_in: SignIn) -> None:
    assert await reason(sign_in, issuer.token(signed_by=key_number(2))) == SIGNATURE


async def test_keys_that_a_token_brings_itself_are_not_gone_by(issuer: Issuer, sign_in: SignIn) -> None:
    own = public(key_number(2), "RS256", kid="first")
    issuer.answer("/forged", {"keys": [own]})
    issuer.asked.clear()
    for headers in ({"jwk": own}, {"jku": f"{issuer.address}/forged"}, {"x5u": f"{issuer.address}/forged"}):
        assert await reason(sign_in, issuer.token(signed_by=key_number(2), headers=headers)) == SIGNATURE
    assert "/forged" not in issuer.asked


async def test_a_changed_token_is_refused(issuer: Issuer, sign_in: SignIn) -> None:
    header, payload, signature = issuer.token().split(".")
    changed = encoded(issuer.claims | {"sub": "somebody-else"})

    assert await reason(sign_in, f"{header}.{changed}.{signature}") == SIGNATURE
    assert await reason(sign_in, f"{header}.{payload}.{'A' * len(signature)}") == SIGNATURE
    assert await reason(sign_in, f"{header}.{payload}.{signature[:-2]}") == SIGNATURE


def signed_by_secret(issuer: Issuer, header: Mapping[str, object], secret: bytes) -> str:
    signed = f"{encoded(header)}.{encoded(issuer.claims)}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


PUBLIC_KEY_AS_SECRET: dict[str, Callable[[], bytes]] = {
    "PEM": lambda: key_number(1).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "DER": lambda: key_number(1).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "JSON": lambda: json.dumps(public(key_number(1), "RS256", kid="first")).encode(),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("secret", PUBLIC_KEY_AS_SECRET.values(), ids=PUBLIC_KEY_AS_SECRET.keys())
async def test_the_public_key_is_no_shared_secret(issuer: Issuer, sign_in: SignIn, secret: Callable[[], bytes]) -> None:
    header = {"alg": "HS256", "typ": "JWT", "kid": "first"}

    assert await reason(sign_in, signed_by_secret(issuer, header, secret())) == "A token must be signed by RS256."
    assert await reason(sign_in, signed_by_secret(issuer, {**header, "alg": "RS256"}, secret())) == SIGNATURE


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, ["RS256"], "rs256", "RS512", "PS256", 1])
async def test_the_algorithm_is_the_setting_s_and_not_the_token_s(
    issuer: Issuer, sign_in: SignIn, algorithm: object
) -> None:
    assert (
        await reason(sign_in, forged(issuer, {"alg": algorithm, "typ": "JWT", "kid": "first"}))
        == "A token must be signed by RS256."
    )


async def test_a_token_without_a_signature_is_refused(issuer: Issuer, sign_in: SignIn) -> None:
    for algorithm in ("none", "RS256"):
        header = {"alg": algorithm, "kid": "first"}
        assert await reason(sign_in, f"{encoded(header)}.{encoded(issuer.claims)}.") == NO_TOKEN


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", 1, None, ["JWT"]])
async def test_a_token_of_another_kind_is_refused(issuer: Issuer, sign_in: SignIn, kind: object) -> None:
    assert (
        await reason(sign_in, forged(issuer, {"alg": "RS256", "typ": kind, "kid": "first"}))
        == "The token is of another kind than access tokens."
    )


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"])
async def test_access_tokens_are_named_in_several_ways(issuer: Issuer, sign_in: SignIn, kind: str) -> None:
    assert (await sign_in.check(issuer.token(headers={"typ": kind}))).subject == "user-1"


@pytest.mark.parametrize(
    "headers",
    [{"crit": ["exp"]}, {"crit": []}, {"crit": "b64"}, {"crit": ["b64"], "b64": False}, {"b64": False}],
    ids=json.dumps,
)
async def test_a_token_that_asks_for_what_we_do_not_do_is_refused(
    issuer: Issuer, sign_in: SignIn, headers: dict[str, object]
) -> None:
    assert await reason(sign_in, forged(issuer, {"alg": "RS256", "kid": "first", **headers})) == UNREADABLE


async def test_a_token_has_a_largest_size(issuer: Issuer, sign_in: SignIn) -> None:
    def sized(length: int) -> str:
        padding = 0
        while len(token := issuer.token({"padding": "x" * padding})) < length:
            padding += max(1, (length - len(token)) * 3 // 4)
        return token

    assert len(largest := sized(LONGEST_TOKEN - 3)) <= LONGEST_TOKEN
    assert (await sign_in.check(largest)).subject == "user-1"
    assert await reason(sign_in, sized(LONGEST_TOKEN + 1)) == "A token has at most 8192 characters."
    assert await reason(sign_in, "a" * 1_000_000) == "A token has at most 8192 characters."


async def test_what_cannot_be_a_token_does_not_reach_the_issuer() -> None:
    async with Issuer().serving() as issuer, sign_in_of(issuer) as sign_in:
        for token in ("", "a.b.c", "a.b", "..", issuer.token(algorithm="PS256"), issuer.token(headers={"typ": "x"})):
            await reason(sign_in, token)
        assert issuer.asked == []


PART = st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab\0é\ud800", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "exp", "aud"]), inner, max_size=4)
    ),
    max_leaves=5,
).map(lambda value: json.dumps(value).encode())
ENCODED = PART.map(encoded)
GARBAGE = st.one_of(
    st.text(max_size=40),
    st.text("ab.=-_ \0é\ud800", max_size=40),
    st.tuples(ENCODED, ENCODED, ENCODED).map(".".join),
    st.tuples(st.just(encoded({"alg": "RS256", "kid": "first"})), ENCODED, ENCODED).map(".".join),
    st.just(encoded({"alg": "RS256", "kid": "first"}) + "." + encoded(b"[" * 4000) + ".AAAA"),
    st.just(encoded(b"[" * 4000) + ".e30.AAAA"),
)


@pytest.fixture(scope="module")
def garbage_refused(issuer: Issuer, sign_in: SignIn) -> SignIn:
    return sign_in


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(GARBAGE)
async def test_garbage_is_refused_as_what_it_is(garbage_refused: SignIn, token: str) -> None:
    with pytest.raises(TokenInvalid):
        await garbage_refused.check(token)


async def test_what_is_signed_is_read_with_the_same_care(issuer: Issuer, sign_in: SignIn) -> None:
    """Only the issuer can sign, and may be wrong."""
    for payload in (b"", b"[]", b"null", b"\xff", b"[" * 4000, b'{"exp": 1e999, "sub": 1, "iss": [], "aud": {}}'):
        token = jwt.PyJWS().encode(payload, key_number(1), "RS256", {"kid": "first"})
        assert await reason(sign_in, token) != ""


async def test_what_cannot_be_checked_is_not_called_invalid(issuer: Issuer) -> None:
    token = issuer.token()
    async with Issuer().serving() as away, sign_in_of(away) as sign_in:
        await away.leave()
        with pytest.raises(KeysUnavailable):
            await sign_in.check(token)
