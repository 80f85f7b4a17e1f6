"""The messages: the newest in memory, all of them in a file that only grows.

Every line of the file is a JSON object with the `sid` of a message. The first one has all the fields, a later
one those that changed, and `{"deleted": true}` takes the message back. The last word on a field counts.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

import orjson
from pydantic import TypeAdapter, ValidationError

from dunlin.sandbox.message import Message

_log = logging.getLogger(__name__)
_message = TypeAdapter(Message)

KEPT_IN_MEMORY = 10_000


class Ledger:
    """What happened to which message. Without a path it lives in memory alone."""

    def __init__(self, path: Path | None, kept: int = KEPT_IN_MEMORY) -> None:
        self._kept = kept
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._path = path
        self._file: BinaryIO | None = None
        if path:
            self._messages.update(_read(path, kept))

    def add(self, message: Message) -> None:
        self._messages[message.sid] = message
        if len(self._messages) > self._kept:
            self._messages.popitem(last=False)
        self._write(_fields(message))

    def change(self, old: Message, new: Message) -> None:
        """Replace `old` by `new`. A message that has left the memory is changed in the file alone."""
        if old.sid in self._messages:
            self._messages[old.sid] = new
        before = _fields(old)
        self._write({"sid": old.sid} | {name: value for name, value in _fields(new).items() if value != before[name]})

    def delete(self, message: Message) -> None:
        self._messages.pop(message.sid, None)
        self._write({"sid": message.sid, "deleted": True})

    def find(self, sid: str) -> Message | None:
        return self._messages.get(sid)

    def newest_first(self) -> Iterator[Message]:
        return reversed(self._messages.values())

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _write(self, line: Mapping[str, object]) -> None:
        if not self._path:
            return
        if not self._file:
            self._file = _open(self._path)
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _fields(message: Message) -> dict[str, object]:
    fields: dict[str, object] = _message.dump_python(message, mode="json")
    return fields


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unbuffered: a killed process loses nothing that it has answered for.
    file = path.open("a+b", buffering=0)
    if file.tell():
        file.seek(-1, SEEK_END)
        if file.read(1) != b"\n":
            # A process died in the middle of this line: leave what there is of it alone.
            file.write(b"\n")
    return file


def _read(path: Path, kept: int) -> dict[str, Message]:
    if not path.exists():
        return {}
    rows: OrderedDict[str, dict[str, object]] = OrderedDict()
    with path.open("rb") as file:
        for line in file:
            _apply(line, rows)
            if len(rows) > kept:
                rows.popitem(last=False)
    return {sid: message for sid, row in rows.items() if (message := _parse(row))}


def _apply(line: bytes, rows: OrderedDict[str, dict[str, object]]) -> None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = None
    sid = row.get("sid") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(sid, str):
        _log.warning("skip an unreadable line of the ledger")
        return
    if row.get("deleted"):
        rows.pop(sid, None)
    elif sid in rows:
        rows[sid].update(row)
    elif "body" in row and "to" in row:
        rows[sid] = row


def _parse(row: Mapping[str, object]) -> Message | None:
    try:
        return _message.validate_python(row)
    except ValidationError:
        _log.warning("skip an unreadable message of the ledger")
        return None
