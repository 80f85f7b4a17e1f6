"""The schedules that Hypothesis tries: who does what next, what the carrier makes of it, and who dies meanwhile."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dunlin.domain.tables import CollectionCase
from tests.fault.simulation.carrier import Fate, History
from tests.fault.simulation.ground import Ground
from tests.fault.simulation.world import BETWEEN_LOOKS, Act, Worker, World

T = TypeVar("T")
P = ParamSpec("P")

WORKERS = 3
_STEPS_BETWEEN_ENDS = 3
_SECOND, _MINUTE, _HOUR, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_A_LEASE = 61 * _SECOND

_KINDS_OF_HOLDINGS = ("claims", "marked", "calling", "answers", "asking")

_LOST = [Fate.ACCEPTED_ANSWER_LOST, Fate.ACCEPTED_LATE, Fate.ANSWER_LOST]

_picks = range(6)
_workers = range(WORKERS)
_fates = [Fate.ACCEPTED, *Fate]
_histories = list(History)
_stalls = [timedelta(0), timedelta(0), _SECOND, 3 * _SECOND]
_times = [_SECOND, 3 * _SECOND, 6 * _SECOND, 14 * _SECOND, 150 * _SECOND, 6 * _MINUTE, 4 * _HOUR, 25 * _HOUR]
_moments = [timedelta(0), _SECOND, 3 * _SECOND, 14 * _SECOND]
_skews = [timedelta(0), _HOUR, -_HOUR, _DAY, -_DAY]

# What Hypothesis draws does not depend on the state of the world: it must be able to draw the same once more, also
# where something came in another order. What is drawn chooses among what is possible then.
_MOST_ARGUMENTS = 4
_draws = st.integers(0, 2**16 - 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """Steps of one name: how often they are chosen where they are possible, and with what."""

    weight: int
    is_possible: Callable[["SendingPath"], bool]
    arguments: Mapping[str, Sequence[Any]]


_KINDS: dict[str, Kind] = {}


def step(
    weight: int, when: Callable[["SendingPath"], bool] = lambda _: True, **arguments: Sequence[Any]
) -> Callable[[Callable[Concatenate["SendingPath", P], None]], Callable[Concatenate["SendingPath", P], None]]:
    """Make a method a step. Hypothesis' own rules are all as likely, or left out of an example altogether, so that
    they seldom come to the end of a way that has six of them.
    """

    def register(
        method: Callable[Concatenate["SendingPath", P], None],
    ) -> Callable[Concatenate["SendingPath", P], None]:
        assert len(arguments) <= _MOST_ARGUMENTS
        _KINDS[method.__name__] = Kind(weight, when, arguments)
        return method

    return register


def holding(kind: str) -> Callable[["SendingPath"], bool]:
    return lambda machine: machine.somebody_holds(kind)


class SendingPath(RuleBasedStateMachine):
    """One world. Its steps choose, the world does; after each of them every promise is looked at."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self._ground = ground
        self._world: World | None = None
        self._is_broken = False
        self._is_due = False
        self._steps_since_end = 0

    @property
    def world(self) -> World:
        assert self._world is not None
        return self._world

    @initialize(organizations=st.integers(1, 2), cases=st.integers(1, 4), limited=st.booleans())
    def begin(self, organizations: int, cases: int, limited: bool) -> None:
        async def begin() -> World:
            world = await World.begin(self._ground, organizations=organizations, workers=WORKERS, limited=limited)
            for number in range(cases):
                await world.open_case(world.organizations[number % organizations], number)
            await world.plan()
            return world

        self._world = self._ground.run(begin())
        self._ground.run(self._look())

    @rule(step=_draws, arguments=st.tuples(*[_draws] * _MOST_ARGUMENTS))
    def take(self, step: int, arguments: tuple[int, ...]) -> None:
        possible = [name for name, kind in _KINDS.items() if kind.is_possible(self) for _ in range(kind.weight)]
        name = possible[step % len(possible)]
        choices = zip(_KINDS[name].arguments.items(), arguments, strict=False)
        chosen = {argument: values[drawn % len(values)] for (argument, values), drawn in choices}
        note(f"{name}({', '.join(f'{argument}={value}' for argument, value in chosen.items())})")
        self._steps_since_end += 1
        getattr(self, name)(**chosen)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            done = self._ground.run(work)
            self._ground.run(self._look())
        except BaseException as error:
            self._is_broken = True
            self.broke(error)
            raise
        return done

    async def _look(self) -> None:
        await self.world.look_at_waiting()
        await self.world.promises.follow_events()
        self._is_due = await self.world.is_due()

    def somebody_holds(self, kind: str) -> bool:
        return any(getattr(worker, kind) for worker in self.world.workers)

    def is_due(self) -> bool:
        return self._is_due

    def somebody_can_work(self) -> bool:
        return self._is_due or any(map(self.somebody_holds, _KINDS_OF_HOLDINGS))

    def may_end_something(self) -> bool:
        """Return whether enough has begun since something was ended, so that it can go wrong."""
        return self._steps_since_end > _STEPS_BETWEEN_ENDS

    def _end(self, work: Coroutine[Any, Any, None]) -> None:
        self._steps_since_end = 0
        self._do(work)

    def _worker(self, pick: int) -> Worker:
        return self.world.workers[pick]

    def _case(self, pick: int) -> CollectionCase:
        return self.world.cases[pick % len(self.world.cases)]

    def _holder(self, kind: str, pick: int) -> Worker:
        """Return one of the workers that hold something of a kind."""
        holders = [worker for worker in self.world.workers if getattr(worker, kind)]
        return holders[pick % len(holders)]

    # Workers, step by step. Whoever does not go on for long is frozen.

    @step(4, somebody_can_work, pick=_workers, fate=_fates, history=_histories)
    def go_on(self, pick: int, fate: Fate, history: History) -> None:
        self._do(self.world.go_on(self._worker(pick), fate, history))

    @step(1, is_due, pick=_workers, limit=range(1, 4))
    def claim(self, pick: int, limit: int) -> None:
        self._do(self.world.claim(self._worker(pick), limit))

    @step(3, is_due, pick=_workers, limit=range(1, 4), stall=_stalls)
    def claim_and_mark(self, pick: int, limit: int, stall: timedelta) -> None:
        self._do(self.world.claim(self._worker(pick), limit))
        self._do(self.world.mark(self._worker(pick), stall))

    @step(3, holding("claims"), pick=_picks, stall=_stalls)
    def mark(self, pick: int, stall: timedelta) -> None:
        self._do(self.world.mark(self._holder("claims", pick), stall))

    @step(4, holding("marked"), pick=_picks, which=_picks, fate=_fates, history=_histories)
    def call(self, pick: int, which: int, fate: Fate, history: History) -> None:
        self._do(self.world.hand_over(self._holder("marked", pick), which, fate, history))

    @step(2, holding("marked"), pick=_picks, which=_picks, fate=_LOST)
    def lose_answer(self, pick: int, which: int, fate: Fate) -> None:
        """Let nothing but the carrier's list tell of a text, and that late."""
        self._do(self.world.hand_over(self._holder("marked", pick), which, fate, History.SILENT_AND_LATE))

    @step(2, holding("marked"), pick=_picks, which=_picks)
    def connect_slowly(self, pick: int, which: int) -> None:
        self._do(self.world.call(self._holder("marked", pick), which))

    @step(3, holding("calling"), pick=_picks, which=_picks, fate=_fates, history=_histories)
    def arrive(self, pick: int, which: int, fate: Fate, history: History) -> None:
        worker = self._holder("calling", pick)
        self._do(self.world.arrive(worker, worker.calling[which % len(worker.calling)], fate, history))

    @step(4, holding("answers"), pick=_picks, at_once=(False, True), forget=(True, True, False))
    def record(self, pick: int, at_once: bool, forget: bool) -> None:
        self._do(self.world.record(self._holder("answers", pick), at_once=at_once, forget=forget))

    @step(1, holding("claims"), pick=_picks)
    def give_back(self, pick: int) -> None:
        self._do(self.world.give_back(self._holder("claims", pick)))

    @step(2, lambda machine: machine.world.promises.somebody_asks(), pick=_workers)
    def ask(self, pick: int) -> None:
        self._do(self.world.ask(self._worker(pick)))

    @step(2, lambda machine: machine.world.promises.somebody_asks(), pick=_workers)
    def look_again(self, pick: int) -> None:
        """Let the time pass between two looks at the carrier's list, and look."""

        async def look() -> None:
            await self.world.let_pass(BETWEEN_LOOKS)
            await self.world.ask_and_hear(self._worker(pick))

        self._do(look())

    @step(3, holding("asking"), pick=_picks, which=_picks)
    def hear(self, pick: int, which: int) -> None:
        self._do(self.world.hear(self._holder("asking", pick), which))

    @step(2, somebody_can_work, pick=_workers)
    def crash(self, pick: int) -> None:
        self._do(self.world.crash(self._worker(pick)))

    @step(1)
    def sweep(self) -> None:
        self._do(self.world.sweep())

    @step(1)
    def plan(self) -> None:
        self._do(self.world.plan())

    @step(1)
    def destroy_keys(self) -> None:
        self._do(self.world.destroy_keys())

    @step(1, skew=_skews)
    def set_wall_clock(self, skew: timedelta) -> None:
        self.world.skew = skew

    # Time.

    @step(3, time=_times)
    def let_pass(self, time: timedelta) -> None:
        self._do(self.world.let_pass(time))

    @step(2)
    def outlive_leases(self) -> None:
        async def outlive() -> None:
            await self.world.let_pass(_A_LEASE)
            await self.world.sweep()

        self._do(outlive())

    # The carrier's reports: any of them, at any time, any number of times.

    @step(3, lambda machine: bool(machine.world.reporting), pick=_picks, which=_picks)
    def report(self, pick: int, which: int) -> None:
        message = self.world.reporting[pick % len(self.world.reporting)]
        self._do(self.world.report(message, message.reports[which % len(message.reports)]))

    # Customers and clerks. What ends something is seldom, or nothing would be left to go wrong.

    @step(3, lambda machine: len(machine.world.cases) < 9, pick=_picks, customer=range(4))
    def open_case(self, pick: int, customer: int) -> None:
        async def open_case() -> None:
            organizations = self.world.organizations
            await self.world.open_case(organizations[pick % len(organizations)], customer)
            await self.world.plan()

        self._do(open_case())

    @step(2, may_end_something, pick=_picks)
    def resend(self, pick: int) -> None:
        self._do(self.world.resend(pick))

    @step(1, may_end_something, pick=_picks, amount=[Decimal(10), Decimal(100)])
    def pay(self, pick: int, amount: Decimal) -> None:
        self._end(self.world.pay(self._case(pick), amount))

    @step(1, may_end_something, pick=_picks)
    def turn_opt_out(self, pick: int) -> None:
        self._end(self.world.turn_opt_out(self._case(pick)))

    @step(1, may_end_something, pick=_picks)
    def confirm(self, pick: int) -> None:
        self._end(self.world.confirm(pick))

    @step(1, may_end_something, pick=_picks)
    def cancel(self, pick: int) -> None:
        self._end(self.world.cancel(pick))

    @step(2, may_end_something, pick=_picks)
    def turn_connection(self, pick: int) -> None:
        self._end(self.world.turn_connection(self.world.organizations[pick % len(self.world.organizations)]))

    @step(3, lambda machine: machine.world.is_under_way(), act=list(Act), time=_moments)
    def end_what_is_under_way(self, act: Act, time: timedelta) -> None:
        """End it in the very moment of its handing over, and let a moment pass."""

        async def end() -> None:
            await self.world.end_under_way(act)
            await self.world.look_at_waiting()
            await self.world.let_pass(time)

        self._end(end())

    def teardown(self) -> None:
        if self._world is None or self._is_broken:
            return
        try:
            self._ground.run(self._world.heal())
        except BaseException as error:
            self.broke(error)
            raise

    def broke(self, error: BaseException) -> None:
        """Hear of what ended this example."""
