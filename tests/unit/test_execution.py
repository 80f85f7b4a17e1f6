"""What is compiled shows the same as graphql-core does: values, errors and what these make null."""

import asyncio
import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLError, parse, validate
from graphql.execution.executor import Executor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunlin.api.execution import executor as executing
from dunlin.api.execution.compiled import Compiled
from dunlin.api.execution.executor import CompilingExecutor
from dunlin.api.execution.many import for_many
from dunlin.api.execution.run import Select, run

SLOW: list[asyncio.Task[Any]] = []  # what waits for ever
NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


@strawberry.enum
class Mood(Enum):
    CALM = "calm"
    CROSS = "cross"


@strawberry.interface
class Named:
    name: str


async def _friends_of(birds: Sequence["Bird"], context: "Context") -> list["Bird | None"]:
    context.batches.append([bird.name for bird in birds])
    await asyncio.sleep(0)
    if any(bird.name == "wren" for bird in birds):
        raise GraphQLError("Wrens have no friends.")
    return [BIRDS.get(bird.friend_name) for bird in birds]


@strawberry.type
class Nest:
    depth: int
    owner_mood: Mood | None

    @strawberry.field
    def eggs(self, most: int = 2) -> list[int | None]:
        return [number if number != 1 else None for number in range(min(most, self.depth))]


@strawberry.type
class Bird(Named):
    friend_name: strawberry.Private[str]
    weight: Decimal
    seen_at: datetime | None
    mood: Mood
    nests: list[Nest]
    rows: list[list[int]]
    is_ringed: bool
    age: int

    @strawberry.field(metadata=for_many(_friends_of))  # type: ignore[untyped-decorator]
    async def friend(self, info: strawberry.Info[Any, None]) -> "Bird | None":
        return (await _friends_of([self], info.context))[0]

    @strawberry.field
    async def mate(self) -> "Bird":
        await asyncio.sleep(0)
        return BIRDS[self.friend_name]  # not for all

    @strawberry.field
    def first_nest(self) -> Nest:
        return self.nests[0]  # not for all

    @strawberry.field
    async def echo(self, words: Annotated[list[str] | None, strawberry.argument()] = None, loud: bool = False) -> str:
        return "/".join(words or ["-"]) + ("!" if loud else "")

    @strawberry.field
    async def slow(self) -> str:
        task = asyncio.current_task()
        assert task is not None
        SLOW.append(task)
        await asyncio.Event().wait()
        return "never"

    @strawberry.field
    def place(self, info: strawberry.Info[Any, None]) -> str:
        return str(info.path.as_list() if info.path else None)


@strawberry.type
class Stone(Named):
    hardness: float

    @strawberry.field
    def cracks(self) -> int:
        raise GraphQLError("Stones do not tell.", extensions={"code": "SILENT"})


def _bird(name: str, friend: str, **values: Any) -> Bird:
    given: dict[str, Any] = {
        "weight": Decimal("12.50"),
        "seen_at": None,
        "mood": Mood.CALM,
        "nests": [Nest(depth=3, owner_mood=None), Nest(depth=0, owner_mood=Mood.CROSS)],
        "rows": [[1, 2], [], [3]],
        "is_ringed": False,
        "age": 3,
    }
    return Bird(name=name, friend_name=friend, **{**given, **values})


BIRDS = {
    "knot": _bird("knot", "ruff", seen_at=NOW),
    "ruff": _bird("ruff", "knot", mood=Mood.CROSS, is_ringed=True, nests=[]),
    "wren": _bird("wren", "nobody", age=2**40, nests=None),
    "rail": _bird("rail", "nobody", rows=[[1, "x"], [2]], mood="lost"),
}
STONE = Stone(name="flint", hardness=7.0)


@strawberry.type
class Query:
    @strawberry.field
    def bird(self, name: str = "knot") -> Bird | None:
        return BIRDS.get(name)

    @strawberry.field
    async def birds(self, names: list[str]) -> list[Bird]:
        await asyncio.sleep(0)
        return [BIRDS[name] for name in names]

    @strawberry.field
    async def maybe(self, names: list[str]) -> list[Bird | None]:
        return [BIRDS.get(name) for name in names]

    @strawberry.field
    def things(self) -> list[Named]:
        return [BIRDS["ruff"], STONE, BIRDS["knot"]]

    @strawberry.field
    async def stone(self) -> Stone:
        return STONE

    @strawberry.field
    def lazily(self) -> list[int]:
        return (number for number in range(3))  # type: ignore[return-value]

    @strawberry.field
    def nothing(self) -> str:
        return None  # type: ignore[return-value]


SCHEMA = strawberry.Schema(query=Query, types=[Bird, Stone], execution_context_class=CompilingExecutor)


class _Document:
    def __init__(self, text: str) -> None:
        self.compiled = Compiled(parse(text))


@dataclass
class Context:
    """What the executor looks at, and what was asked for together."""

    document: _Document
    batches: list[list[str]]


@contextmanager
def compiling(is_compiling: bool) -> Iterator[None]:
    before, CompilingExecutor.compiles = CompilingExecutor.compiles, is_compiling
    try:
        yield
    finally:
        CompilingExecutor.compiles = before


async def shown(text: str, variables: dict[str, Any], is_compiling: bool) -> tuple[Any, list[list[str]]]:
    document = _Document(text)
    context = Context(document, [])
    with compiling(is_compiling):
        result = await executed(text, variables, context)
    # Where several fields fail, which of them is heard of first may differ between two runs of graphql-core, too.
    errors = sorted((error.formatted for error in result.errors or ()), key=str)
    return (result.data, errors), context.batches


async def executed(text: str, variables: dict[str, Any], context: Context) -> Any:
    return await SCHEMA.execute(text, variable_values=variables, context_value=context)


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _names(value)
    if isinstance(data, list):
        for value in data:
            yield from _names(value)


LEAVES = ["name", "weight", "seenAt", "mood", "rows", "isRinged", "age", "place", "__typename"]
NAMES = st.lists(st.sampled_from(["knot", "ruff", "wren", "rail"]), max_size=3)
GOOD_NAMES = st.lists(st.sampled_from(["knot", "ruff"]), max_size=3)


@st.composite
def of_bird(draw: Any, depth: int) -> str:
    """A selection of a bird, with aliases, directives, fragments and one field twice."""
    parts = [draw(_leaf_field()) for _ in range(draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(0, 3 if depth else 0))):
        field = draw(st.sampled_from(["friend", "mate", "friend2: friend", "mate2: mate"]))
        parts.append(f"{field}{draw(DIRECTIVES)} {draw(of_bird(depth - 1))}")
    more = ["", "", "firstNest { depth eggs }", "nests { ownerMood eggs(most: $most) depth }", "echo(words: $words)"]
    parts.append(draw(st.sampled_from(more)))
    inner = " ".join(draw(st.permutations(parts)))
    wrapped: str = draw(
        st.sampled_from(["{}", "... on Bird {{ {} }}", "... {{ {} }}", "{} ...B", "... on Named {{ name }} {}"])
    )
    return "{ " + wrapped.format(inner) + " }"


DIRECTIVES = st.sampled_from(
    ["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @skip(if: false)", " @include(if: $no) @skip(if: $no)"]
)


@st.composite
def _leaf_field(draw: Any) -> str:
    name = draw(st.sampled_from(LEAVES))
    alias = draw(st.sampled_from(["", "", f"x_{name}: "]))
    return f"{alias}{name}{draw(DIRECTIVES)}"


# Every variable and fragment is used somewhere, or the document would not be valid.
EVERYTHING = """never: birds(names: $names) @skip(if: true) {
  ...B nests { eggs(most: $most) } echo(words: $words) name @skip(if: $yes) age @skip(if: $no) }"""


@st.composite
def documents(draw: Any) -> tuple[str, dict[str, Any]]:
    names = draw(st.one_of(GOOD_NAMES, NAMES))
    roots = [
        f"bird {draw(of_bird(2))}",
        f'other: bird(name: "{draw(st.sampled_from([*BIRDS, "dodo"]))}") {draw(of_bird(2))}',
        f"birds(names: $names) {draw(of_bird(2))}",
        f"maybe(names: $names) {draw(of_bird(1))}",
        f"things {{ name __typename ... on Bird {draw(of_bird(1))} ... on Stone {{ hardness }} }}",
        "stone { name cracks }",
        "stone { name hardness }",
        "lazily",
        "nothing",
    ]
    weights = draw(st.lists(st.sampled_from([*roots[:5], *roots[:7], *roots]), min_size=1, max_size=3, unique=True))
    text = (
        "query Q($names: [String!]!, $yes: Boolean!, $no: Boolean! = false, $most: Int! = 2, $words: [String!])"
        f" {{ {' '.join(weights)} {EVERYTHING} }} fragment B on Bird {{ mood ...C }} fragment C on Named {{ name }}"
    )
    given: dict[str, Any] = {"names": names, "yes": draw(st.booleans())}
    given |= draw(st.sampled_from([{}, {"most": 1}, {"words": ["a", "b"]}, {"words": None, "no": True}]))
    return text, given


def made_up(examples: int) -> list[tuple[str, dict[str, Any]]]:
    """Return documents without fields that exclude each other, always the same ones."""
    found: list[tuple[str, dict[str, Any]]] = []

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(documents())
    def collect(example: tuple[str, dict[str, Any]]) -> None:
        if not validate(SCHEMA._schema, parse(example[0])):
            found.append(example)

    collect()
    return found


@pytest.fixture
def tolerant() -> Iterator[None]:
    """Where something fails, graphql-core cancels what it has not begun, and does not await what lies in it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited")
        yield
        gc.collect()


@pytest.mark.usefixtures("tolerant")
async def test_what_is_compiled_shows_and_fails_as_graphql_core_does(runs: list[bool]) -> None:
    failing = 0
    for text, variables in made_up(200):
        compiled, _ = await shown(text, variables, is_compiling=True)
        plain, _ = await shown(text, variables, is_compiling=False)

        assert compiled == plain, (text, variables)
        assert list(_names(compiled[0])) == list(_names(plain[0])), (text, variables)
        failing += bool(plain[1])

    assert failing > 50
    assert sum(runs) > 50, "enough ran as they were compiled"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each operation ran as it was compiled, to the end."""
    noted: list[bool] = []

    async def noting(select: Select, executor: Executor[Any]) -> dict[str, Any]:
        noted.append(False)
        data = await run(select, executor)
        noted[-1] = True
        return data

    monkeypatch.setattr(executing, "run", noting)
    return noted


async def test_what_is_resolved_for_many_is_asked_for_together() -> None:
    text = "query ($names: [String!]!) { birds(names: $names) { name friend { name friend { name } } } }"

    (data, errors), batches = await shown(text, {"names": ["knot", "ruff"]}, is_compiling=True)

    assert errors == []
    assert [bird["friend"]["friend"]["name"] for bird in data["birds"]] == ["knot", "ruff"]
    assert batches == [["knot", "ruff"], ["ruff", "knot"]]


async def test_each_directive_decides_anew_what_is_selected(runs: list[bool]) -> None:
    text = "query ($yes: Boolean!) { bird { name @include(if: $yes) age @skip(if: $yes) } }"
    document = _Document(text)

    answers = [
        (await executed(text, {"yes": yes}, Context(document, []))).data["bird"] for yes in (True, False, True, False)
    ]

    assert answers == [{"name": "knot"}, {"age": 3}] * 2
    assert runs == [True] * 4


async def test_resolvers_are_told_their_place_in_the_answer(runs: list[bool]) -> None:
    text = """{ one: bird { where: place friend { place } }
                things { ... on Bird { mate { place } } } }"""

    (data, errors), _ = await shown(text, {}, is_compiling=True)

    assert errors == []
    assert data["one"] == {"where": "['one', 'where']", "friend": {"place": "['one', 'friend', 'place']"}}
    assert data["things"][2] == {"mate": {"place": "['things', 2, 'mate', 'place']"}}
    assert runs == [True]


@pytest.mark.parametrize(
    "text", ["{ __schema { queryType { name } } }", '{ __type(name: "Bird") { name } bird { name } }']
)
async def test_introspection_is_left_to_graphql_core(text: str, runs: list[bool]) -> None:
    (data, errors), _ = await shown(text, {}, is_compiling=True)

    assert data
    assert errors == []
    assert runs == []


async def test_whoever_gives_up_an_operation_ends_all_of_it() -> None:
    text = '{ birds(names: ["knot", "ruff"]) { slow } }'
    running = asyncio.create_task(shown(text, {}, is_compiling=True))
    async with asyncio.timeout(5):
        while len(SLOW) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert all(task.cancelled() for task in SLOW)


@pytest.mark.usefixtures("tolerant")
async def test_a_part_that_somebody_else_has_cancelled_is_not_shown_as_null() -> None:
    before = len(SLOW)
    running = asyncio.create_task(shown("{ bird { slow } }", {}, is_compiling=True))
    async with asyncio.timeout(5):
        while len(SLOW) == before:  # noqa: ASYNC110
            await asyncio.sleep(0)

    SLOW[-1].cancel()
    async with asyncio.timeout(5):
        while len(SLOW) == before + 1:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert not running.done(), "graphql-core asks once more"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
