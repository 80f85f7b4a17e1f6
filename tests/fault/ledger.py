"""The carrier's own file of what it has accepted: outside the system, and the only witness that is believed."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One text that the carrier has taken; `at` is in seconds of this machine's clock."""

    sid: str
    number: str
    text: str
    at: float


class LedgerFile:
    """Reads the file as it grows. Every text that was accepted once stands in it for ever."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_until = 0
        self._accepted: dict[str, Acceptance] = {}

    def accepted(self) -> list[Acceptance]:
        """Return everything accepted so far, in order."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read_until)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read_until += len(line)
                    self._take(json.loads(line))
        return list(self._accepted.values())

    def counts(self) -> Counter[str]:
        """Return how often each number has been texted."""
        return Counter(one.number for one in self.accepted())

    def _take(self, line: dict[str, str]) -> None:
        if "to" in line and "body" in line and line["sid"] not in self._accepted:
            at = datetime.fromisoformat(line["created_at"]).timestamp()
            self._accepted[line["sid"]] = Acceptance(line["sid"], line["to"], line["body"], at)
