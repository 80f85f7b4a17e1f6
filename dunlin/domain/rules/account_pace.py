"""How many texts a worker has on the way to one account at once: more while it answers well, fewer when it does not."""

from dataclasses import dataclass

from dunlin.domain.carrier import Accepted, Answer, Refused, Throttled, Unknown, Unreached

FIRST = 32
_MOST = 64
_SOON_S = 0.25  # what is ready waits three or four times as long: far shorter than what is marked may wait
_READY = 3  # times as many as may be on the way
_USUAL_WAIT_S = 1.0
_REMEMBERED_S = 60.0


@dataclass(slots=True)
class AccountPace:
    """One account as one worker sees it. Times are seconds of any clock that only goes forward.

    Grows as TCP does: by one for each good answer, until a bad one halves it, and by one a full round of them from half
    of that on. So an account that does not answer soon holds one place instead of all. Where answers come soon, three
    times as many again are made ready meanwhile, so that no place stays empty while the next are claimed and marked.
    """

    most: float = FIRST
    soon: float = _MOST  # up to here it grows fast
    ready: int = 0
    on_the_way: int = 0
    answers_in: float = 1.0  # seconds, of late
    paused_until: float = 0.0
    answered_at: float = 0.0

    @property
    def under_way(self) -> int:
        return self.ready + self.on_the_way

    @property
    def has_place(self) -> bool:
        """Return whether the next that is ready may go."""
        return self.on_the_way < int(self.most)

    def room(self, now: float) -> int:
        """Return how many may be made ready now: none until a quarter is free, so that few transactions do for many."""
        most = int(self.most) * (1 + (_READY if self.answers_in <= _SOON_S else 0))
        free = most - self.under_way
        return free if now >= self.paused_until and free >= max(1, most // 4) else 0

    def begins(self) -> None:
        self.ready -= 1
        self.on_the_way += 1

    def answered(self, answer: Answer, now: float, took: float) -> None:
        """Take account of an answer to one that was on the way for `took` seconds."""
        self.on_the_way -= 1
        self.answered_at = now
        self.answers_in += (took - self.answers_in) / 8
        match answer:
            case Accepted() | Refused():
                self.most = min(self.most + (1 if self.most < self.soon else 1 / self.most), _MOST)
            case Throttled(retry_after):
                self.held_back(now, retry_after.total_seconds() if retry_after else _USUAL_WAIT_S)
            case Unreached() | Unknown():
                self._slow_down()

    def held_back(self, now: float, seconds: float) -> None:
        """Let nothing be made ready for a while, and less at once after that."""
        self._slow_down()
        self.paused_until = max(self.paused_until, now + seconds)

    def _slow_down(self) -> None:
        self.most = self.soon = max(self.most / 2, 1.0)

    def is_fresh(self, now: float) -> bool:
        """Return whether it does well, and has had nothing to do for a while: it may as well be a new one."""
        is_idle = self.under_way == 0 and now >= max(self.paused_until, self.answered_at + _REMEMBERED_S)
        return is_idle and self.most >= FIRST
