"""Each row of the bench at its smallest size: that it works, not how fast anything is."""

import asyncio
import json
import os
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.chart import chart
from bench.machine import Machine
from bench.measure import AtLeast, AtMost, Beside, Line, Unit, alternate, growth
from bench.rows import ROWS
from bench.table import table
from dunlin.runtime.settings import Settings

MACHINE = Machine(2, "Any <Processor>", 8, "Linux x86_64", "3.11.7", "18.4", "9.1.2")


@pytest.fixture(scope="module")
async def measured(settings: Settings) -> dict[str, Any]:
    """What a run of all rows printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.flow.bench_run", *(row.NAME for row in ROWS)),
        env={**os.environ, **settings.environment()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(300):
        printed, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    found: dict[str, Any] = json.loads(printed)
    return found


@pytest.mark.parametrize("name", [row.NAME for row in ROWS])
def test_a_row_measures(measured: dict[str, Any], name: str) -> None:
    lines = [line for line in measured["lines"] if line["row"] == name]

    assert lines
    for line in lines:
        assert line["figure"] > 0, line
        assert line["beside"] is None or line["ratio"] > 0, line
        assert (line["reach"] is None) == (line["is_reached"] is None)


def test_the_table_names_the_machine_and_every_row(measured: dict[str, Any]) -> None:
    assert "PostgreSQL 1" in measured["table"].splitlines()[0]
    for row in ROWS:
        assert f"\n| {row.NAME} " in measured["table"]


async def test_rounds_go_forwards_and_backwards_in_turn() -> None:
    order: list[str] = []

    async def act(name: str) -> float:
        order.append(name)
        return len(order)

    figures = await alternate(3, {"a": lambda: act("a"), "b": lambda: act("b")})

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert figures == {"a": [1, 4, 5], "b": [2, 3, 6]}


def a_line(figures: list[float], beside: list[float], reach: AtLeast | AtMost) -> Line:
    return Line("row", "1,000", "Dunlin & <all>", figures, Unit.PER_SECOND, Beside("bare", beside), reach)


def test_a_line_is_the_ratio_of_medians_with_its_lowest_and_highest_round() -> None:
    line = a_line([50, 100, 60], [100, 100, 200], AtLeast(0.6))

    assert line.ratio == 0.6
    assert line.spread == (0.3, 1.0)
    assert line.is_reached


def test_what_is_to_be_at_most_is_reached_from_below() -> None:
    assert a_line([1.5], [1], AtMost(1.5)).is_reached
    assert a_line([1.6], [1], AtMost(1.5)).is_reached is False


def test_growth_compares_what_one_costs_with_the_size_before() -> None:
    lines = growth("row", "case", {10: [0.001], 100: [0.002], 1_000: [0.003]})

    assert [(line.size, line.ratio) for line in lines] == [("100", 2.0), ("1,000", 1.5)]


def test_the_table_has_a_line_for_each_and_says_which_falls_short() -> None:
    lines = table([a_line([60], [100], AtLeast(0.6)), a_line([50], [100], AtLeast(0.6))]).splitlines()

    assert [line.split("|")[-2].strip() for line in lines[2:]] == ["yes", "NO"]
    assert len({len(line) for line in lines}) == 1


def test_the_chart_is_well_formed_and_shows_what_is_to_be_reached() -> None:
    drawn = ElementTree.fromstring(chart([a_line([60], [100], AtLeast(0.6))], MACHINE))  # noqa: S314

    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "row 1,000: Dunlin & <all> / bare" in texts
    assert "0.60 (≥ 0.6)" in texts
