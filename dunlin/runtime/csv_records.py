"""Reading a file of comma- or semicolon-separated values record by record, in bounded memory.

What cannot be read is told with its place, and the next line is read on. Quotes as in RFC 4180, strictly.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

LONGEST = 65_536  # bytes of one line and characters of one record: hundreds of times what a case needs

_BLOCK = 1 << 20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CUT_OFF = "It opens quotes that are not closed: the file may be cut off."
_QUOTES = (
    'Its quotes do not fit. A value with quotes in it is written as "so ""quoted"" it is", all of it within quotes.'
)


class UnreadableFile(Exception):
    """Nothing of the file can be used; the text says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `number` is its row in a spreadsheet, `line` where it begins in the file, both from 1."""

    number: int
    line: int
    fields: list[str] | Unreadable


def check_encoding(file: BinaryIO) -> None:
    """Read the file to its end and go back to its beginning; raise `UnreadableFile` unless all of it is UTF-8."""
    decoder, line, passed = codecs.getincrementaldecoder("utf-8")(), 1, 0
    while True:
        piece = file.readline(_BLOCK)
        if (line, passed) == (1, 0) and piece.startswith(_UTF_16):
            raise UnreadableFile("The file is UTF-16. Save it as UTF-8.")
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            begun_before = len(error.object) - len(piece)
            byte = passed - begun_before + error.start + 1
            raise UnreadableFile(f"Line {line}, byte {byte} is not UTF-8. Save the file as UTF-8.") from error
        if not piece:
            break
        line, passed = (line + 1, 0) if piece.endswith(b"\n") else (line, passed + len(piece))
    file.seek(0)


def read_records(file: BinaryIO) -> Iterator[Record]:
    """Yield the records of a file that is UTF-8. Empty rows are passed over.

    Raise `UnreadableFile` where the first line does not say what separates its fields.
    """
    lines = _Lines(file)
    separator = _separator(lines)
    number = 0
    while lines.has_more():
        number, line = number + 1, lines.number
        fields = _next_fields(lines, separator)
        if isinstance(fields, Unreadable) or any(field.strip() for field in fields):
            yield Record(number, line, fields)


def _separator(lines: "_Lines") -> str:
    if not lines.has_more():
        raise UnreadableFile("The file is empty. Its first line names the columns.")
    first = lines.take()
    lines.give_back([first])
    if isinstance(first, Unreadable):
        raise UnreadableFile(f"The first line should name the columns. {first.reason}")
    if "\r" in first.rstrip("\r\n"):
        raise UnreadableFile("Its lines end with CR alone. Save it with LF or CR LF at the end of each line.")
    if "\0" in first:
        raise UnreadableFile("Its first line holds NUL characters. Save the file as UTF-8, not as UTF-16.")
    if "," in first and ";" in first:
        raise UnreadableFile("Its first line holds commas and semicolons. Separate the columns by one of them.")
    return ";" if ";" in first else ","


def _next_fields(lines: "_Lines", separator: str) -> list[str] | Unreadable:
    """Return the fields of the next record. Of one that cannot be read only the first line is passed over."""
    taken: list[str | Unreadable] = []
    try:
        return next(csv.reader(_feed(lines, taken), delimiter=separator, strict=True))
    except _TooLong as error:
        found = Unreadable(error.reason)
    except csv.Error as error:
        found = Unreadable(_CUT_OFF if "end of data" in str(error) else _QUOTES)
    lines.give_back(taken[1:])
    return found


def _feed(lines: "_Lines", taken: list[str | Unreadable]) -> Iterator[str]:
    """Yield the lines of one record and note them in `taken`, or raise `_TooLong`."""
    length = 0
    while lines.has_more():
        line = lines.take()
        taken.append(line)
        if isinstance(line, Unreadable):
            raise _TooLong(line.reason)
        length += len(line)
        if length > LONGEST:
            raise _TooLong(f"It opens quotes that are not closed within {LONGEST:,} characters.")
        yield line


class _TooLong(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Lines:
    """The lines of a file, one by one; some may be given back. `number` is that of the next one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._returned: deque[str | Unreadable] = deque()
        self._ahead = file.readline(LONGEST).removeprefix(codecs.BOM_UTF8)
        self.number = 1

    def has_more(self) -> bool:
        return bool(self._returned or self._ahead)

    def take(self) -> str | Unreadable:
        self.number += 1
        return self._returned.popleft() if self._returned else self._read()

    def give_back(self, lines: Sequence[str | Unreadable]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)

    def _read(self) -> str | Unreadable:
        line, self._ahead = self._ahead, self._file.readline(LONGEST)
        if line.endswith(b"\n") or not self._ahead:
            return self._decoded(line)
        is_over = False
        while self._ahead and not is_over:
            is_over = self._ahead.endswith(b"\n")
            self._ahead = self._file.readline(LONGEST)
        return Unreadable(f"The line is longer than {LONGEST:,} bytes.")

    def _decoded(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"Line {self.number} is not UTF-8 any more: the file has been changed.") from error
