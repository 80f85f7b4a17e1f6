"""Reading XML in a stream, in bounded memory, with the standard library's expat.

There is no document type and no entity but the five of XML itself, and nothing is fetched from elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from dunlin.runtime.csv_records import UnreadableFile

DEEPEST = 32  # elements within each other: twice what a bank's message has
LONGEST_TEXT = 4_096  # characters of one value

_BLOCK = 1 << 16
_LONGEST_TAG = 1 << 18  # bytes: expat keeps a tag that is not closed yet in memory, and reads it anew with each block
_CUT_OFF = {"no element found", "unclosed token", "unclosed CDATA section", "partial character"}


@dataclass(slots=True)
class Scope:
    """An element that is told of when it ends: `values` are the texts below it that are wanted, by their path.

    The currency of an amount stands beside it, as `Amt@Ccy`. Of several of a path the first counts.
    """

    path: str
    line: int
    above: "Scope | None"
    values: dict[str, str] = field(default_factory=dict)
    inner: int = 0  # how many scopes in it have ended

    def broken(self, key: str, what: str) -> UnreadableFile:
        return UnreadableFile(f"Line {self.line}, {self.path}/{key}: {what}")


class XmlStream:
    """A document of a known namespace. `root` is the namespace, known as soon as the first scope is."""

    def __init__(self, file: BinaryIO, wanted: Mapping[str, Mapping[str, frozenset[str]]]) -> None:
        """`wanted`: by namespace the scopes, paths below the root, each with what is wanted below it."""
        self._file = file
        self._formats = wanted
        self._scopes: Mapping[str, frozenset[str]] = {}
        self.root = ""
        self._prefix = ""
        self._paths: list[str] = []
        self._open: list[Scope] = []
        self._ended: list[Scope] = []
        self._text: list[str] | None = None
        self._length = 0
        self._key = ""
        # UTF-8 is forced: expat would otherwise believe what the file says of itself.
        self._parser = expat.ParserCreate("UTF-8", " ")
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def __iter__(self) -> Iterator[Scope]:
        """Yield every scope when it ends. Raise `UnreadableFile` with the place where the file cannot be read."""
        taken = 0
        while block := self._file.read(_BLOCK):
            if not taken and b"\0" in block[:4]:  # expat believes such first bytes whatever is forced
                raise UnreadableFile("Line 1, column 1: It is UTF-16 or UTF-32. Only UTF-8 is read.")
            taken += len(block)
            yield from self._fed(block)
            if taken - self._parser.CurrentByteIndex > _LONGEST_TAG:
                raise self._refused(f"It has a tag of more than {_LONGEST_TAG:,} bytes.")
        yield from self._fed(b"")

    def _fed(self, block: bytes) -> list[Scope]:
        self._ended = []
        try:
            self._parser.Parse(block, not block)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            told = f"This is not well-formed XML ({said})."
            if said in _CUT_OFF:
                told = f"The file ends here, within {self._where()}: it is cut off."
            raise UnreadableFile(f"Line {error.lineno}, column {error.offset + 1}: {told}") from error
        return self._ended

    def _where(self) -> str:
        return f"Document{self._paths[-1]}" if self._paths else "nothing"

    def _refused(self, what: str) -> UnreadableFile:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return UnreadableFile(f"Line {line}, column {column}, {self._where()}: {what}")

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() not in ("UTF-8", "UTF8", "US-ASCII"):
            raise self._refused(f"It says that it is {encoding[:40]!r}. Only UTF-8 is read.")

    def _doctype(self, name: str, system: str | None, public: str | None, has_internal: int) -> None:
        raise self._refused("It has a document type (DOCTYPE). A bank's file has none, and it could define entities.")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if not self._paths:
            self._begin_root(name)
            return
        if len(self._paths) > DEEPEST:
            raise self._refused(f"It has more than {DEEPEST} elements within each other.")
        # What belongs to another namespace is no part of the message, whatever it is called.
        local = name.removeprefix(self._prefix) if name.startswith(self._prefix) else "?"
        path = f"{self._paths[-1]}/{local}"
        self._paths.append(path)
        self._text = None
        if path in self._scopes:
            above = self._open[-1] if self._open else None
            self._open.append(Scope(f"Document{path}", self._parser.CurrentLineNumber, above))
        elif self._open:
            self._key = path[len(self._open[-1].path) - len("Document") + 1 :]
            if self._key in self._scopes[self._open[-1].path.removeprefix("Document")]:
                self._text, self._length = [], 0
                if "Ccy" in attributes:
                    self._open[-1].values.setdefault(f"{self._key}@Ccy", attributes["Ccy"][:LONGEST_TEXT])

    def _begin_root(self, name: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if local != "Document" or namespace not in self._formats:
            known = ", ".join(one.rpartition(":")[2] for one in self._formats)
            is_ = namespace.rpartition(":")[2] or local
            raise self._refused(f"It is {is_[:80]!r}. What can be read: a Document of {known}.")
        self.root, self._prefix, self._scopes = namespace, f"{namespace} ", self._formats[namespace]
        self._paths.append("")

    def _characters(self, text: str) -> None:
        if self._text is None:
            return
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise self._refused(f"This is longer than {LONGEST_TEXT:,} characters.")
        self._text.append(text)

    def _end(self, name: str) -> None:
        path = self._paths.pop()
        if self._text is not None:
            if text := "".join(self._text).strip():
                self._open[-1].values.setdefault(self._key, text)
            self._text = None
        if path in self._scopes and path:
            scope = self._open.pop()
            if scope.above is not None:
                scope.above.inner += 1
            self._ended.append(scope)
