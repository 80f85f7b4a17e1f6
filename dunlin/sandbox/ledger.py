"""The messages: the newest in memory, all of them in a file that only grows.

Every line of the file is a JSON object with the `sid` of a message. The first one has all the fields, a later
one those that changed, and `{"deleted": true}` takes the message back. The last word on a field counts. The first
line of a mail has `"kind": "mail"`; a text's has no kind, as before there were mails.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from heapq import merge
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from dunlin.sandbox.mail import Mail
from dunlin.sandbox.message import Message

_log = logging.getLogger(__name__)
_message = TypeAdapter(Message)
_mail = TypeAdapter(Mail)

KEPT_IN_MEMORY = 10_000
MAIL_KEPT_IN_MEMORY = 64_000_000  # bytes of content

_MAIL: Mapping[str, object] = {"kind": "mail"}
_Row = dict[str, Any]
Entry = TypeVar("Entry", Message, Mail, _Row)


class _Shelf(Generic[Entry]):
    """The newest entries of one kind, oldest first: so many, and of so much content."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self._size = 0

    def put(self, sid: str, entry: Entry) -> None:
        self.take(sid)
        self.entries[sid] = entry
        self._size += _size(entry)
        while len(self.entries) > self._kept or self._size > MAIL_KEPT_IN_MEMORY:
            self._size -= _size(self.entries.popitem(last=False)[1])

    def take(self, sid: str) -> None:
        entry = self.entries.pop(sid, None)
        if entry is not None:
            self._size -= _size(entry)

    def change(self, sid: str, entry: Entry) -> None:
        """Replace an entry in its place, if it is still here. What a mail says does not change."""
        if sid in self.entries:
            self.entries[sid] = entry


class Ledger:
    """What happened to which message. Without a path it lives in memory alone.

    Where it does not say mail, it speaks of texts.
    """

    def __init__(self, path: Path | None, kept: int = KEPT_IN_MEMORY) -> None:
        self._texts: _Shelf[Message] = _Shelf(kept)
        self._mails: _Shelf[Mail] = _Shelf(kept)
        self._path = path
        self._file: BinaryIO | None = None
        if path and path.exists():
            self._read(path, kept)

    def add(self, message: Message) -> None:
        self._texts.put(message.sid, message)
        self._write(_fields(message))

    def add_mail(self, mail: Mail) -> None:
        self._mails.put(mail.sid, mail)
        self._write({**_MAIL, **_mail_fields(mail)})

    def change(self, old: Message, new: Message) -> None:
        """Replace `old` by `new`. A message that has left the memory is changed in the file alone."""
        self._texts.change(old.sid, new)
        self._write(_changes(_fields(old), _fields(new)))

    def change_mail(self, old: Mail, new: Mail) -> None:
        """The same for a mail."""
        self._mails.change(old.sid, new)
        self._write(_changes(_mail_fields(old), _mail_fields(new)))

    def delete(self, message: Message) -> None:
        self._texts.take(message.sid)
        self._write({"sid": message.sid, "deleted": True})

    def find(self, sid: str) -> Message | None:
        return self._texts.entries.get(sid)

    def find_mail(self, sid: str) -> Mail | None:
        return self._mails.entries.get(sid)

    def newest_first(self) -> Iterator[Message]:
        return reversed(self._texts.entries.values())

    def mails_newest_first(self) -> Iterator[Mail]:
        return reversed(self._mails.entries.values())

    def everything_newest_first(self) -> Iterator[Message | Mail]:
        both: list[Iterator[Message | Mail]] = [self.newest_first(), self.mails_newest_first()]
        return merge(*both, key=lambda entry: entry.created_at, reverse=True)

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

    def _read(self, path: Path, kept: int) -> None:
        texts: _Shelf[_Row] = _Shelf(kept)
        mails: _Shelf[_Row] = _Shelf(kept)
        with path.open("rb") as file:
            for line in file:
                _apply(line, texts, mails)
        for row in texts.entries.values():
            if message := _parse(_message, row):
                self._texts.put(message.sid, message)
        for row in mails.entries.values():
            if mail := _parse(_mail, row):
                self._mails.put(mail.sid, mail)


def _size(entry: Message | Mail | _Row) -> int:
    if isinstance(entry, dict):
        content = entry.get("content", "")
        return len(content) if isinstance(content, str) else 0
    return len(entry.content) if isinstance(entry, Mail) else 0


def _fields(message: Message) -> _Row:
    fields: _Row = _message.dump_python(message, mode="json")
    return fields


def _mail_fields(mail: Mail) -> _Row:
    fields: _Row = _mail.dump_python(mail, mode="json")
    return fields


def _changes(before: _Row, after: _Row) -> _Row:
    return {"sid": before["sid"]} | {name: value for name, value in after.items() if value != before[name]}


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


def _apply(line: bytes, texts: _Shelf[_Row], mails: _Shelf[_Row]) -> None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = None
    sid = row.get("sid") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(sid, str):
        _log.warning("skip an unreadable line of the ledger")
        return
    shelf = mails if sid in mails.entries else texts
    if row.get("deleted"):
        shelf.take(sid)
    elif sid in shelf.entries:
        shelf.entries[sid].update(row)
    elif row.get("kind") == _MAIL["kind"]:
        mails.put(sid, row)
    elif "body" in row and "to" in row:
        texts.put(sid, row)


Read = TypeVar("Read", Message, Mail)


def _parse(adapter: TypeAdapter[Read], row: _Row) -> Read | None:
    try:
        return adapter.validate_python({name: value for name, value in row.items() if name != "kind"})
    except ValidationError:
        _log.warning("skip an unreadable message of the ledger")
        return None
