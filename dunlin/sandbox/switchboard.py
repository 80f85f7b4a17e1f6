"""Where texts that come in are brought, by account and sender, and who refuses texts from which sender.

A sender is a number, a short code or a messaging service. Kept in a file where there is one.
"""

import logging
from pathlib import Path

import orjson
from pydantic import BaseModel, Field, ValidationError

from dunlin.sandbox.inbound_text import InboundText

_log = logging.getLogger(__name__)


class _State(BaseModel):
    """By "account sender": the address, and the numbers of who refuses."""

    addresses: dict[str, str] = Field(default_factory=dict)
    refusing: dict[str, list[str]] = Field(default_factory=dict)


class Switchboard:
    """What the accounts have set for their senders, and what people have said to these."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._state = _read(path)

    def address(self, account_sid: str, sender: str) -> str:
        """Return where a sender's texts are brought; empty if nowhere."""
        return self._state.addresses.get(_key(account_sid, sender), "")

    def set_address(self, account_sid: str, sender: str, url: str) -> None:
        self._state.addresses[_key(account_sid, sender)] = url
        self._write()

    def address_for(self, text: InboundText) -> str:
        """Return where `text` is brought: as its messaging service says, else as its number says."""
        of_service = self.address(text.account_sid, text.service_sid) if text.service_sid else ""
        return of_service or self.address(text.account_sid, text.to)

    def refuses(self, account_sid: str, sender: str, number: str) -> bool:
        return number in self._state.refusing.get(_key(account_sid, sender), ())

    def heed(self, text: InboundText) -> None:
        """Do what Twilio does by itself: STOP blocks the sender and its messaging service for the number."""
        if not text.stops and not text.starts:
            return
        for sender in filter(None, (text.to, text.service_sid)):
            numbers = set(self._state.refusing.get(_key(text.account_sid, sender), ()))
            numbers = numbers | {text.sender} if text.stops else numbers - {text.sender}
            self._state.refusing[_key(text.account_sid, sender)] = sorted(numbers)
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(self._state.model_dump(), option=orjson.OPT_INDENT_2))
        fresh.replace(self._path)  # whole or not at all


def _key(account_sid: str, sender: str) -> str:
    return f"{account_sid} {sender}"


def _read(path: Path | None) -> _State:
    if path is None or not path.exists():
        return _State()
    try:
        return _State.model_validate_json(path.read_bytes())
    except ValidationError:
        _log.warning("begin with an empty switchboard: the file cannot be read")
        return _State()
