"""The life of one reminder.

SCHEDULED --> SENDING --> SENT --> DELIVERED | UNDELIVERED | FAILED
    |  ^        |  |
    |  |        |  +--> UNCONFIRMED --> SENT .. FAILED, or SCHEDULED after proof of absence
    |  +--------+  (throttled or never connected: the carrier certainly did not take it)
    |           +-----> FAILED (refused)
    +--> CANCELED
"""

from enum import StrEnum


class ReminderStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNCONFIRMED = "UNCONFIRMED"


# What a carrier's report may overwrite. The maximum wins, so that any order and any repetition of
# reports ends the same. A report also lifts CANCELED: a message that exists is a fact.
_RANK = {
    ReminderStatus.SCHEDULED: 0,
    ReminderStatus.CANCELED: 0,
    ReminderStatus.SENDING: 1,
    ReminderStatus.UNCONFIRMED: 2,
    ReminderStatus.SENT: 3,
    ReminderStatus.FAILED: 4,
    ReminderStatus.UNDELIVERED: 5,
    ReminderStatus.DELIVERED: 6,
}


def moves_forward(current: ReminderStatus, reported: ReminderStatus) -> bool:
    """Return whether a carrier's report of `reported` may replace `current`."""
    return _RANK[reported] > _RANK[current]
