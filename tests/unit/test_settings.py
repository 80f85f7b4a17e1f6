import base64
import os
from pathlib import Path

import pytest

from dunlin.runtime.settings import BadSettings, Settings, read_settings

OLD, NEW = b"o" * 32, b"n" * 32
OLD_TEXT, NEW_TEXT = (base64.b64encode(key).decode() for key in (OLD, NEW))
SHORT_KEY = base64.b64encode(b"k" * 31).decode()

DATABASE = "should be an address such as postgresql://user:password@host:5432/database"
REDIS = "should be an address such as redis://host:6379/0 or unix:///path/to/socket"
SMTP = "should be an address such as smtp://user:password@smtp.example.com:587"
MAIL = "should be an e-mail address such as reminders@example.com"
HOSTS = "should be names of hosts, with or without a port"
WEB = "should be an address such as https://dunlin.example.com"
KEYS = "should be one or more keys of 32 bytes in base64, separated by commas"
ISSUER = "should be the issuer as its tokens name it, an https address such as https://login.example.com/"
JWKS = "should be an address such as https://login.example.com/jwks.json; http is for loopback addresses only"
AUDIENCE = "should be the audience that tokens for this service name, such as https://dunlin.example.com"
PREFIX = "should be how the claims' names begin, such as dunlin_ or https://dunlin.example.com/"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("DUNLIN_")]:
        monkeypatch.delenv(name)


MALFORMED = {
    "a database of another kind": ("DATABASE_URL", "mysql://host/dunlin", DATABASE),
    "a database without a kind": ("DATABASE_URL", "localhost/dunlin", DATABASE),
    "a Redis by HTTP": ("REDIS_URL", "http://host:6379", REDIS),
    "a bare Redis host": ("REDIS_URL", "localhost", REDIS),
    "a public address without a scheme": ("PUBLIC_URL", "dunlin.example.com", WEB),
    "a public address that is no web address": ("PUBLIC_URL", "ftp://dunlin.example.com", WEB),
    "a public address without a host": ("PUBLIC_URL", "https://", WEB),
    "a public address with a query": ("PUBLIC_URL", "https://dunlin.example.com/?a=b", WEB),
    "a public address with a fragment": ("PUBLIC_URL", "https://dunlin.example.com/#top", WEB),
    "a carrier's address without a scheme": ("TWILIO_URL", "localhost:8010", WEB),
    "a secret key that is too short": ("SECRET_KEYS", SHORT_KEY, KEYS),
    "a secret key that is no base64": ("SECRET_KEYS", "secret!", KEYS),
    "a secret key with letters that base64 does not have": ("SECRET_KEYS", "clé", KEYS),
    "a bad key after a good one": ("SECRET_KEYS", f"{NEW_TEXT},{SHORT_KEY}", KEYS),
    "keys separated by spaces": ("SECRET_KEYS", f"{NEW_TEXT} {OLD_TEXT}", KEYS),
    "a mail server by https": ("SMTP_URL", "https://smtp.example.com", SMTP),
    "a mail server without a scheme": ("SMTP_URL", "smtp.example.com:587", SMTP),
    "a mail server with half a login": ("SMTP_URL", "smtp://ada@smtp.example.com", SMTP),
    "a mail server with a port in words": ("SMTP_URL", "smtp://smtp.example.com:smtp", SMTP),
    "a sender that is no e-mail address": ("SMTP_FROM", "Waterworks <a@example.com>", MAIL),
    "a bounce address that is no e-mail address": ("BOUNCE_ADDRESS", "bounces", MAIL),
    "a bounce address with a long name": (
        "BOUNCE_ADDRESS",
        "b" * 21 + "@example.com",
        "should have at most 20 characters",
    ),
    "trusted hosts as addresses": ("SMTP_TRUSTED_HOSTS", "smtp://mail.internal", HOSTS),
    "a port in words": ("PORT", "http", "should be a valid integer"),
    "a port below the first": ("PORT", "0", "should be greater than or equal to 1"),
    "a port above the last": ("PORT", "65536", "should be less than or equal to 65535"),
    "an issuer by plain http": ("OIDC_ISSUER", "http://login.example.com", ISSUER),
    "an issuer that only looks like this machine": ("OIDC_ISSUER", "http://127.0.0.1.example.com", ISSUER),
    "an issuer that is no address": ("OIDC_ISSUER", "login.example.com", ISSUER),
    "an issuer with a query": ("OIDC_ISSUER", "https://login.example.com/?tenant=1", ISSUER),
    "an issuer with an empty query": ("OIDC_ISSUER", "https://login.example.com/?", ISSUER),
    "an issuer with a fragment": ("OIDC_ISSUER", "https://login.example.com/#top", ISSUER),
    "an issuer with a user": ("OIDC_ISSUER", "https://me@login.example.com/", ISSUER),
    "an issuer with a port in words": ("OIDC_ISSUER", "https://login.example.com:https/", ISSUER),
    "an issuer with half an address": ("OIDC_ISSUER", "https://[::1", ISSUER),
    "an issuer on two lines": ("OIDC_ISSUER", "https://login.example\n.com/", ISSUER),
    "keys by plain http": ("OIDC_JWKS_URL", "http://login.example.com/jwks.json", JWKS),
    "keys by plain http in the network": ("OIDC_JWKS_URL", "http://10.0.0.5/jwks.json", JWKS),
    "keys in a file": ("OIDC_JWKS_URL", "file:///etc/jwks.json", JWKS),
    "an endless audience": ("OIDC_AUDIENCE", "a" * 256, AUDIENCE),
    "an audience on two lines": ("OIDC_AUDIENCE", "dun\nlin", AUDIENCE),
    "a shared secret to sign with": ("OIDC_ALGORITHM", "HS256", "should be 'RS256', "),
    "no signature": ("OIDC_ALGORITHM", "none", "should be 'RS256', "),
    "an algorithm in small letters": ("OIDC_ALGORITHM", "rs256", "should be 'RS256', "),
    "a leeway in words": ("OIDC_LEEWAY", "some", "should be a valid integer"),
    "a leeway below nothing": ("OIDC_LEEWAY", "-1", "should be greater than or equal to 0"),
    "a leeway beyond five minutes": ("OIDC_LEEWAY", "301", "should be less than or equal to 300"),
    "a prefix with a quote": ("OIDC_CLAIM_PREFIX", 'dun"lin', PREFIX),
    "a prefix with a space": ("OIDC_CLAIM_PREFIX", "dun lin", PREFIX),
}


@pytest.mark.parametrize(("name", "value", "wanted"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_variable_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: str
) -> None:
    monkeypatch.setenv(f"DUNLIN_{name}", value)

    with pytest.raises(BadSettings) as refused:
        read_settings()

    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"DUNLIN_{name}: ")
    assert wanted in line


def test_a_malformed_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNLIN_SECRET_KEYS", SHORT_KEY)
    monkeypatch.setenv("DUNLIN_DATABASE_URL", "mysql://user:hidden@host/dunlin")

    with pytest.raises(BadSettings) as refused:
        read_settings()

    assert SHORT_KEY not in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_all_malformed_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNLIN_DATABASE_URL", "here")
    monkeypatch.setenv("DUNLIN_PORT", "high")

    with pytest.raises(BadSettings) as refused:
        read_settings()

    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["DUNLIN_DATABASE_URL", "DUNLIN_PORT"]


PARTS_OF_AN_ISSUER = {
    "OIDC_ISSUER": "https://login.example.com/",
    "OIDC_AUDIENCE": "dunlin",
    "OIDC_JWKS_URL": "https://login.example.com/jwks.json",
}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["OIDC_ISSUER"], ["OIDC_AUDIENCE"]),
        (["OIDC_AUDIENCE"], ["OIDC_ISSUER"]),
        (["OIDC_JWKS_URL"], ["OIDC_ISSUER", "OIDC_AUDIENCE"]),
        (["OIDC_ISSUER", "OIDC_JWKS_URL"], ["OIDC_AUDIENCE"]),
        (["OIDC_AUDIENCE", "OIDC_JWKS_URL"], ["OIDC_ISSUER"]),
        (["OIDC_ISSUER", "OIDC_AUDIENCE"], []),
        (["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL"], []),
    ],
    ids=lambda names: "+".join(names).lower() or "nothing",
)
def test_half_an_issuer_is_refused_and_what_is_missing_named(
    monkeypatch: pytest.MonkeyPatch, given: list[str], missing: list[str]
) -> None:
    for name in given:
        monkeypatch.setenv(f"DUNLIN_{name}", PARTS_OF_AN_ISSUER[name])

    if not missing:
        assert read_settings().oidc_issuer == "https://login.example.com/"
        return
    with pytest.raises(BadSettings) as refused:
        read_settings()
    because = " and ".join(f"DUNLIN_{name}" for name in given)
    assert str(refused.value).splitlines() == [f"DUNLIN_{name}: should be set with {because}" for name in missing]


@pytest.mark.parametrize(
    "issuer", ["http://localhost:8080/realms/dunlin", "http://127.0.0.1:8080", "http://127.8.9.1", "http://[::1]:8080"]
)
def test_an_issuer_and_its_keys_may_be_on_this_machine_by_plain_http(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    monkeypatch.setenv("DUNLIN_OIDC_ISSUER", issuer)
    monkeypatch.setenv("DUNLIN_OIDC_AUDIENCE", "dunlin")
    monkeypatch.setenv("DUNLIN_OIDC_JWKS_URL", f"{issuer}/jwks")

    assert (read_settings().oidc_issuer, read_settings().oidc_jwks_url) == (issuer, f"{issuer}/jwks")


GOOD = {
    "postgresql": ("DATABASE_URL", "postgresql://user:pw@host:5432/dunlin", "postgresql://user:pw@host:5432/dunlin"),
    "postgres": ("DATABASE_URL", "postgres://host/dunlin", "postgres://host/dunlin"),
    "Redis": ("REDIS_URL", "redis://host:6379/0", "redis://host:6379/0"),
    "Redis over TLS": ("REDIS_URL", "rediss://host:6379/0", "rediss://host:6379/0"),
    "Redis by a socket": ("REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
    "a public address": ("PUBLIC_URL", "https://dunlin.example.com", "https://dunlin.example.com"),
    "a public address with a slash": ("PUBLIC_URL", "https://dunlin.example.com/", "https://dunlin.example.com"),
    "a public address below a path": ("PUBLIC_URL", "https://example.com/dunlin/", "https://example.com/dunlin"),
    "a port": ("PORT", "65535", 65535),
    "one key": ("SECRET_KEYS", NEW_TEXT, (NEW,)),
    "two keys, the newest first": ("SECRET_KEYS", f" {NEW_TEXT} , {OLD_TEXT} ", (NEW, OLD)),
    "a folder": ("VAR", "/srv/dunlin", Path("/srv/dunlin")),
    "a bounce address": ("BOUNCE_ADDRESS", "bounces@example.com", "bounces@example.com"),
    "trusted hosts": ("SMTP_TRUSTED_HOSTS", "mail.internal, 10.0.0.5:25", ("mail.internal", "10.0.0.5:25")),
    "an algorithm": ("OIDC_ALGORITHM", "ES256", "ES256"),
    "no leeway": ("OIDC_LEEWAY", "0", 0),
    "the largest leeway": ("OIDC_LEEWAY", "300", 300),
    "a prefix of claims": ("OIDC_CLAIM_PREFIX", "https://dunlin.example.com/", "https://dunlin.example.com/"),
}


@pytest.mark.parametrize(("name", "value", "read"), GOOD.values(), ids=GOOD.keys())
def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: object) -> None:
    monkeypatch.setenv(f"DUNLIN_{name}", value)

    assert getattr(read_settings(), name.lower()) == read


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without = read_settings()
    monkeypatch.setenv(f"DUNLIN_{name.upper()}", "")

    assert read_settings() == without


def test_no_variable_is_needed() -> None:
    settings = read_settings()

    assert (settings.database_url, settings.redis_url, settings.public_url) == (None, None, None)
    assert (settings.secret_keys, settings.twilio_account_sid) == ((), None)
    assert (settings.oidc_issuer, settings.oidc_algorithm, settings.oidc_leeway) == (None, "RS256", 30)
    assert settings.oidc_claim_prefix == "dunlin_"


CALLBACKS = {
    "the public address": ({"PUBLIC_URL": "https://dunlin.example.com/", "PORT": "9000"}, "https://dunlin.example.com"),
    "this machine": ({}, "http://127.0.0.1:8000"),
    "this machine at another port": ({"PORT": "9000"}, "http://127.0.0.1:9000"),
    "this machine where every address is served": ({"HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),  # noqa: S104
    "this machine where every IPv6 address is served": ({"HOST": "::"}, "http://127.0.0.1:8000"),
    "the host that is served": ({"HOST": "10.0.0.5"}, "http://10.0.0.5:8000"),
    "the IPv6 host that is served": ({"HOST": "::1"}, "http://[::1]:8000"),
}


@pytest.mark.parametrize(("variables", "base"), CALLBACKS.values(), ids=CALLBACKS.keys())
def test_carriers_call_back(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], base: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"DUNLIN_{name}", value)

    assert read_settings().callback_base == base


SECRETS = {
    "DATABASE_URL": "postgresql://user:hidden@host/dunlin",
    "REDIS_URL": "redis://:hidden@host:6379/0",
    "SECRET_KEYS": base64.b64encode(b"hidden" + b"k" * 26).decode(),
    "TWILIO_AUTH_TOKEN": "hidden",
    "SANDBOX_AUTH_TOKEN": "hidden",
    "SMTP_URL": "smtp://ada:hidden@smtp.example.com:587",
    "SANDBOX_SMTP_URL": "smtp://ada:hidden@127.0.0.1:2525",
}


@pytest.mark.parametrize(("name", "value"), SECRETS.items(), ids=SECRETS.keys())
def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"DUNLIN_{name}", value)
    if name == "SMTP_URL":
        monkeypatch.setenv("DUNLIN_SMTP_FROM", "ada@example.com")

    assert "hidden" not in repr(read_settings())
    assert value not in str(read_settings())


def test_every_setting_is_told_of() -> None:
    root = Path(__file__).resolve().parents[2]
    told = (root / "README.md").read_text() + (root / "docs/operations.md").read_text()
    of_the_embedded_run = {
        *("dev_token_file", "sandbox_account_sid", "sandbox_auth_token", "sandbox_sender"),
        *("sandbox_smtp_url", "sandbox_smtp_from"),
    }

    untold = {name for name in Settings.model_fields if f"`{name.upper()}`" not in told}

    assert untold == of_the_embedded_run


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        secret_keys=(b"k" * 32, b"l" * 32),
        allowed_origins=("https://a.example.com", "http://localhost:3000"),
        documents=tmp_path,
        documents_only=True,
        graphiql=False,
        port=8123,
        trusted_proxies="10.0.0.0/8,127.0.0.1",
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert read_settings() == settings
