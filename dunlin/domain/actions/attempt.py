"""One handing over, begun: what every answer about it is recorded by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    reminder_id: int
    organization_id: int
    connection_id: int
    fence: int
    correlation: str
