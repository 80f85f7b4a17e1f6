"""Settings: environment variables with the prefix DUNLIN_, read once at the start of a process."""

import base64
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dunlin.domain.carrier import SmtpCredentials
from dunlin.domain.rules.case_input import check_email
from dunlin.runtime.address import is_safe


class BadSettings(Exception):
    """The environment cannot be used; the text names each variable and what it should be."""


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("should be an address such as https://dunlin.example.com")
    return value.rstrip("/")


def _database_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in ("postgres", "postgresql") and parts.port != 0
    except ValueError:  # a port that is no number
        is_usable = False
    if not is_usable:
        raise ValueError("should be an address such as postgresql://user:password@host:5432/database")
    return value


def _redis_address(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("should be an address such as redis://host:6379/0 or unix:///path/to/socket")
    return value


def _secret_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        keys = tuple(base64.b64decode(part.strip(), validate=True) for part in value.split(",") if part.strip())
    except ValueError:
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise ValueError("should be one or more keys of 32 bytes in base64, separated by commas")
    return keys


def _networks(value: str) -> str:
    parts = [part.strip() for part in value.split(",")]
    try:
        for part in parts:
            ip_network(part)
    except ValueError:
        raise ValueError("should be network addresses, separated by commas, such as 10.0.0.5,192.168.0.0/16") from None
    return ",".join(parts)


def _origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("should be origins of pages, separated by commas, such as https://app.example.com")
    return origins


def _smtp_address(value: str) -> str:
    try:
        credentials_of(value)
    except ValueError:
        raise ValueError("should be an address such as smtp://user:password@smtp.example.com:587") from None
    return value


def credentials_of(smtp_url: str) -> SmtpCredentials:
    """Return whom an address names; user and password are percent-encoded there. Raise `ValueError` for none."""
    parts = urlsplit(smtp_url)
    if parts.scheme != "smtp" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError
    if bool(parts.username) is not bool(parts.password):
        raise ValueError
    username, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return SmtpCredentials(parts.hostname, parts.port or _SUBMISSION_PORT, username, password)


_SUBMISSION_PORT = 587


def _mail_address(value: str) -> str:
    if list(check_email(value)):
        raise ValueError("should be an e-mail address such as reminders@example.com")
    return value


def _bounce_address(value: str) -> str:
    if len(_mail_address(value).rpartition("@")[0]) > _LONGEST_BOUNCE_NAME:
        raise ValueError(
            f"should have at most {_LONGEST_BOUNCE_NAME} characters before the @: more follow behind a plus"
        )
    return value


_LONGEST_BOUNCE_NAME = 20  # of 64, with a plus and an attempt's 43


def _hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    hosts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("should be names of hosts, with or without a port, such as mail.internal,10.0.0.5:25")
    return hosts


_HOST = re.compile(r"[a-z0-9._-]+(:[0-9]{1,5})?")


def _issuer(value: str) -> str:
    """Return it as it is: tokens must name their issuer to the letter, also a slash at its end."""
    if not is_safe(value) or "?" in value:
        raise ValueError(
            "should be the issuer as its tokens name it, an https address such as https://login.example.com/"
        )
    return value


def _jwks_address(value: str) -> str:
    if not is_safe(value):
        raise ValueError(
            "should be an address such as https://login.example.com/jwks.json; http is for loopback addresses only"
        )
    return value


def _audience(value: str) -> str:
    if not value.isprintable() or len(value) > 255:
        raise ValueError("should be the audience that tokens for this service name, such as https://dunlin.example.com")
    return value


def _claim_prefix(value: str) -> str:
    # It is told in a header of HTTP when a claim is missing, which takes no quotes.
    if not re.fullmatch(r"[A-Za-z0-9_.:/~-]{1,200}", value):
        raise ValueError("should be how the claims' names begin, such as dunlin_ or https://dunlin.example.com/")
    return value


_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")

WebAddress = Annotated[str, AfterValidator(_web_address)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


_LISTS = ("allowed_origins", "smtp_trusted_hosts")


class Settings(BaseSettings):
    """What a process was told. `database_url` and `redis_url` are None for the embedded servers."""

    model_config = SettingsConfigDict(env_prefix="DUNLIN_", env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_database_address)] | None = Field(default=None, repr=False)
    redis_url: Annotated[str, AfterValidator(_redis_address)] | None = Field(default=None, repr=False)
    public_url: WebAddress | None = None
    twilio_url: WebAddress | None = None
    secret_keys: Annotated[tuple[bytes, ...], NoDecode, BeforeValidator(_secret_keys)] = Field(default=(), repr=False)
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = "127.0.0.1"
    allowed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    live_connections: Annotated[int, Field(ge=1)] = 4_000
    live_connections_per_address: Annotated[int, Field(ge=1)] = 1_000
    live_connections_per_token: Annotated[int, Field(ge=1)] = 100
    graphiql: bool = True
    introspection: bool = True
    suggestions: bool = True
    compiled_queries: bool = True
    documents: Path | None = None
    documents_only: bool = False
    rate_limit: Annotated[int, Field(ge=0, le=1_000_000_000)] = 100_000  # points a minute of each caller; 0: no limit
    var: Path = Path("var")
    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = Field(default=None, repr=False)
    twilio_sender: str | None = None
    sandbox_account_sid: str | None = None
    sandbox_auth_token: str | None = Field(default=None, repr=False)
    sandbox_sender: str | None = None
    smtp_url: Annotated[str, AfterValidator(_smtp_address)] | None = Field(default=None, repr=False)
    smtp_from: MailAddress | None = None
    smtp_trusted_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = ()
    bounce_address: Annotated[str, AfterValidator(_bounce_address)] | None = None
    sandbox_smtp_url: Annotated[str, AfterValidator(_smtp_address)] | None = Field(default=None, repr=False)
    sandbox_smtp_from: MailAddress | None = None
    dev_token_file: Path | None = None
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
    oidc_audience: Annotated[str, AfterValidator(_audience)] | None = None
    oidc_jwks_url: Annotated[str, AfterValidator(_jwks_address)] | None = None
    oidc_algorithm: Algorithm = "RS256"
    oidc_leeway: Annotated[int, Field(ge=0, le=300)] = 30  # seconds
    oidc_claim_prefix: Annotated[str, AfterValidator(_claim_prefix)] = "dunlin_"

    @model_validator(mode="after")
    def _has_all_of_its_issuer(self) -> Self:
        given = [name for name in ("oidc_issuer", "oidc_audience", "oidc_jwks_url") if getattr(self, name) is not None]
        missing = [name for name in ("oidc_issuer", "oidc_audience") if given and name not in given]
        if missing:
            because = " and ".join(f"DUNLIN_{name.upper()}" for name in given)
            raise ValueError("\n".join(f"DUNLIN_{name.upper()}: should be set with {because}" for name in missing))
        return self

    @model_validator(mode="after")
    def _has_all_of_its_mail_server(self) -> Self:
        if (self.smtp_url is None) is not (self.smtp_from is None):
            given, missing = ("SMTP_URL", "SMTP_FROM") if self.smtp_from is None else ("SMTP_FROM", "SMTP_URL")
            raise ValueError(f"DUNLIN_{missing}: should be set with DUNLIN_{given}")
        return self

    @model_validator(mode="after")
    def _has_what_alone_it_runs(self) -> Self:
        if self.documents_only and self.documents is None:
            raise ValueError("DUNLIN_DOCUMENTS: should be set with DUNLIN_DOCUMENTS_ONLY")
        return self

    @property
    def callback_base(self) -> str:
        """What carriers call back; signatures are checked against it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that another process reads the same settings from."""
        values = self.model_dump(exclude={"secret_keys", *_LISTS}, exclude_none=True)
        values["secret_keys"] = ",".join(base64.b64encode(key).decode() for key in self.secret_keys)
        values |= {name: ",".join(getattr(self, name)) for name in _LISTS}
        return {f"DUNLIN_{name.upper()}": str(value) for name, value in values.items()}


def read_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        lines = [_line(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
        raise BadSettings("\n".join(lines)) from error


def _line(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"DUNLIN_{str(location[0]).upper()}: {message}" if location else message  # else it names them itself
