"""The messages of graphql-transport-ws that a client sends, and what ends a socket."""

from dataclasses import dataclass
from typing import Any

import orjson

from dunlin.api.transport.refused import Refused
from dunlin.api.transport.request import Asked, asked_by

LARGEST = 256 * 1024  # characters
_LONGEST_ID = 128


class Closing(Exception):
    """The socket is to be closed: by a code of the protocol, or of WebSocket itself."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Init:
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subscribe:
    operation_id: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Complete:
    operation_id: str


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class Pong:
    pass


Message = Init | Subscribe | Complete | Ping | Pong


def read_message(text: str) -> Message:
    """Return what a frame says, or raise `Closing` if it is none of the protocol's messages."""
    if len(text) > LARGEST:
        raise Closing(1009, f"A message has at most {LARGEST:,} characters")
    try:
        given = orjson.loads(text)  # refuses what json lets through: NaN, lone surrogates, endless nesting
    except ValueError as error:
        raise malformed("A message is JSON") from error
    if not isinstance(given, dict) or not isinstance(given.get("type"), str):
        raise malformed("A message is an object with a type")
    match given["type"]:
        case "connection_init":
            return Init(_object(given, "payload"))
        case "subscribe":
            return Subscribe(_id(given), _asked(given))
        case "complete":
            return Complete(_id(given))
        case "ping":
            return Ping()
        case "pong":
            return Pong()
    raise malformed("There is no such type of messages")


def malformed(reason: str) -> Closing:
    return Closing(4400, reason)


def _id(given: dict[str, Any]) -> str:
    value = given.get("id")
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_ID:
        raise malformed(f"An id is a string of 1 to {_LONGEST_ID} characters")
    return value


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise malformed(f"A {name} is an object")
    return value


def _asked(given: dict[str, Any]) -> Asked:
    try:
        asked = asked_by(given.get("payload"))
    except Refused as refused:
        raise malformed(refused.message) from refused
    if not asked.names_a_document:
        raise malformed("A subscribe message has a payload with a query")
    return asked
