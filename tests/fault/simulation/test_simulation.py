"""The sending path against any order of events: crashes, lost answers, disconnects, payments and wrong clocks."""

from collections.abc import Callable

from dunlin.domain.store import rows
from tests.fault.simulation.ground import Ground
from tests.fault.simulation.search import Effort, search


def test_the_database_lives_in_virtual_time(ground: Ground) -> None:
    async def shown() -> object:
        (row,) = await rows("SELECT clock_timestamp() AS now")
        return row["now"]

    ground.run(ground.reset())
    assert ground.run(shown()) == ground.clock.now


def test_no_order_of_events_breaks_a_promise(ground: Ground, is_full: bool, tell: Callable[[str], None]) -> None:
    effort = Effort()
    search(ground, effort, examples=300 if is_full else 60)
    tell(f"no promise broken in {effort}")
