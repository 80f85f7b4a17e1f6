"""How long to wait before the next try."""

from datetime import timedelta

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=10)


def backoff(tries: int, jitter: float) -> timedelta:
    """Return the wait after `tries` failed tries (from 1): 1 s, 2 s, 4 s .. 10 min, times 0.5 to 1.

    `jitter` is a random number from 0 to 1, so that those who failed together do not return together.
    """
    doubled: timedelta = _FIRST * 2.0 ** min(tries - 1, 20)
    return min(doubled, _LONGEST) * (0.5 + jitter / 2)
