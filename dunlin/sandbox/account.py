"""The accounts that the sandbox knows, and the file that they are read from."""

import secrets
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dunlin.sandbox.magic import GOOD_SENDER

PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
Key = Annotated[str, Field(pattern=r"^SK[0-9a-fA-F]{32}$")]


class MessagingService(BaseModel):
    """A pool of senders under one id; the first one is used."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    sid: str = Field(pattern=r"^MG[0-9a-fA-F]{32}$")
    friendly_name: str = "Reminders"
    phone_numbers: tuple[PhoneNumber, ...] = ()
    alpha_senders: tuple[str, ...] = ()
    short_codes: tuple[str, ...] = ()

    @property
    def senders(self) -> tuple[str, ...]:
        return self.phone_numbers + self.short_codes + self.alpha_senders


class Account(BaseModel):
    """One customer of the carrier. `is_test` marks test credentials: they check, store and report nothing."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: str = Field(pattern=r"^[0-9a-fA-F]{32}$", repr=False)
    friendly_name: str = "Sandbox"
    status: Literal["active", "suspended", "closed"] = "active"
    phone_numbers: tuple[PhoneNumber, ...] = ()
    messaging_services: tuple[MessagingService, ...] = ()
    short_codes: tuple[Annotated[str, Field(pattern=r"^[0-9]{3,8}$")], ...] = ()
    alphanumeric: bool = False
    api_keys: dict[Key, str] = Field(default_factory=dict, repr=False)
    is_test: bool = False

    def service(self, sid: str) -> MessagingService | None:
        return next((service for service in self.messaging_services if service.sid == sid), None)


class _AccountFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    accounts: tuple[Account, ...] = Field(min_length=1)


class AccountsUnreadable(Exception):
    """The file of accounts is missing or says something else than accounts."""

    def __init__(self, path: Path, faults: tuple[str, ...]) -> None:
        super().__init__(path, faults)
        self.path = path
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot use the sandbox accounts in {self.path}: {'; '.join(self.faults)}"


def load_accounts(path: Path) -> tuple[Account, ...]:
    """Return the accounts written in the JSON file at `path`, or raise `AccountsUnreadable`."""
    try:
        text = path.read_bytes()
    except OSError as e:
        raise AccountsUnreadable(path, (e.strerror or "not readable",)) from e
    try:
        return _AccountFile.model_validate_json(text).accounts
    except ValidationError as e:
        # The value itself stays out of the sentence: it may be a token.
        faults = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in e.errors())
        raise AccountsUnreadable(path, tuple(faults)) from e


def new_accounts() -> dict[str, object]:
    """Return the content of a new file of accounts: one that works and one that is suspended."""
    numbers = [GOOD_SENDER, "+447700900123"]
    working = _new_account("Sandbox", "active", numbers) | {
        "messaging_services": [
            {"sid": f"MG{secrets.token_hex(16)}", "friendly_name": "Reminders", "phone_numbers": numbers}
        ]
    }
    return {"accounts": [working, _new_account("Suspended sandbox", "suspended", ["+447700900124"])]}


def write_new_accounts(path: Path) -> None:
    """Make a file of accounts that only its owner can read. An existing file stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return
    path.write_bytes(orjson.dumps(new_accounts(), option=orjson.OPT_INDENT_2) + b"\n")


def _new_account(name: str, status: str, numbers: list[str]) -> dict[str, object]:
    return {
        "sid": f"AC{secrets.token_hex(16)}",
        "auth_token": secrets.token_hex(16),
        "friendly_name": name,
        "status": status,
        "phone_numbers": numbers,
        "messaging_services": [],
    }
