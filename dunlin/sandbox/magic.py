"""The numbers with a meaning. Those up to +15005550009 are Twilio's own, for its test credentials:
https://www.twilio.com/docs/iam/test-credentials. The others are reserved here, for failures that come later.

| From         | create answers             | | To           | create answers                    |
|--------------|----------------------------|-|--------------|-----------------------------------|
| +15005550001 | 21212 not a sender         | | +15005550001 | 21211 not a number                |
| +15005550006 | accepted, for every account| | +15005550002 | 21612 cannot be reached           |
| +15005550007 | 21606 cannot send texts    | | +15005550003 | 21408 country not allowed         |
| +15005550008 | 21611 queue is full        | | +15005550004 | 21610 opted out                   |
                                               | +15005550009 | 21614 not a mobile number         |
                                               | +15005550010 | accepted, then failed 30001       |
                                               | +15005550030 | ... sent, then undelivered 30003  |
                                               | +15005550050 | ... sent, then undelivered 30005  |
                                               | +15005550070 | ... sent, then undelivered 30007  |
                                               | +15005550080 | ... sent, then undelivered 30008  |
                                               | +15005550090 | ... sent, and never any receipt   |
"""

from collections.abc import Mapping
from typing import Final

from dunlin.sandbox.message import Fate, Status

GOOD_SENDER: Final = "+15005550006"

REFUSED_FROM: Final[Mapping[str, int]] = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}

REFUSED_TO: Final[Mapping[str, int]] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}

FATE_OF_TO: Final[Mapping[str, Fate]] = {
    "+15005550010": Fate(Status.FAILED, 30001),
    "+15005550030": Fate(Status.UNDELIVERED, 30003),
    "+15005550050": Fate(Status.UNDELIVERED, 30005),
    "+15005550070": Fate(Status.UNDELIVERED, 30007),
    "+15005550080": Fate(Status.UNDELIVERED, 30008),
    "+15005550090": Fate(Status.SENT, None),
}
