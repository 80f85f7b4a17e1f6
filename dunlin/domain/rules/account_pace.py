"""How many texts a worker has on the way to one account at once: more while it answers well, fewer when it does not."""

from dataclasses import dataclass

from dunlin.domain.carrier import Accepted, Answer, Refused, Throttled, Unknown, Unreached

FIRST = 32
_MOST = 64
_USUAL_WAIT_S = 1.0


@dataclass(slots=True)
class AccountPace:
    """One account as one worker sees it. Times are seconds of any clock that only goes forward.

    Grows by one a full round of good answers and halves with a bad one, as TCP does: an account that does not answer
    soon holds one place instead of all.
    """

    most: float = FIRST
    under_way: int = 0
    paused_until: float = 0.0

    def room(self, now: float) -> int:
        """Return how many may begin now: none until a quarter is free, so that few transactions do for many."""
        free = int(self.most) - self.under_way
        return free if now >= self.paused_until and free >= max(1, int(self.most) // 4) else 0

    def answered(self, answer: Answer, now: float) -> None:
        """Take account of an answer to one that was under way."""
        self.under_way -= 1
        match answer:
            case Accepted() | Refused():
                self.most = min(self.most + 1 / self.most, _MOST)
            case Throttled(retry_after):
                self.held_back(now, retry_after.total_seconds() if retry_after else _USUAL_WAIT_S)
            case Unreached() | Unknown():
                self._slow_down()

    def held_back(self, now: float, seconds: float) -> None:
        """Let nothing begin for a while, and less at once after that."""
        self._slow_down()
        self.paused_until = max(self.paused_until, now + seconds)

    def _slow_down(self) -> None:
        self.most = max(self.most / 2, 1.0)

    def is_fresh(self, now: float) -> bool:
        """Return whether nothing is known of it that a new one would not have."""
        return self.under_way == 0 and self.most >= FIRST and now >= self.paused_until
