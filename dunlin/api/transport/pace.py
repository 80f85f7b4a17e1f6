"""How fast operations may begin on one socket."""

import time


class Pace:
    """So many `per_second` for long, `at_once` after a while of none."""

    def __init__(self, at_once: int, per_second: int) -> None:
        self._at_once = at_once
        self._per_second = per_second
        self._left = float(at_once)
        self._counted_at = time.monotonic()

    def takes_one(self) -> bool:
        """Count one more, unless that is too many."""
        now = time.monotonic()
        self._left = min(self._at_once, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
