"""What is compiled shows the same as graphql-core does: values, errors and what these make null."""

import asyncio
import gc
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
CALLS: Counter[str] = Counter()
NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


@strawberry.enum
class Mood(Enum):
    CALM = "calm"
    CROSS = "cross"


@strawberry.interface
class Named:
    name: str


async def _friends_of(birds: Sequence["Bird"], context: "Context") -> list["Bird | GraphQLError | None"]:
    context.batches.append([bird.name for bird in birds])
    await asyncio.sleep(0)
    alone = GraphQLError("Wrens have no friends.", extensions={"code": "ALONE"})
    return [alone if bird.name == "wren" else BIRDS.get(bird.friend_name) for bird in birds]


async def _rivals_of(birds: Sequence["Bird"], context: "Context") -> list["Bird"]:
    await asyncio.sleep(0)
    raise ValueError("Nobody knows.")


@strawberry.type
class Nest:
    depth: int
    owner_mood: Mood | None

    @strawberry.field
    def eggs(self, most: int = 2) -> list[int | None]:
        return [number if number != 1 else None for number in range(min(most, self.depth))]

    @strawberry.field
    async def keeper(self) -> "Bird":
        await asyncio.sleep(0)
        if not self.depth:
            raise ValueError("A flat nest has no keeper.")
        return BIRDS["ruff"]


async def _hatched(number: int) -> int:
    await asyncio.sleep(0)
    if number == 2:
        raise GraphQLError("It did not hatch.")
    return number


@strawberry.type
class Bird(Named):
    friend_name: strawberry.Private[str]
    weight: Decimal
    seen_at: datetime | None
    mood: Mood
    nests: list[Nest]
    rows: list[list[int]]
    maybe_rows: list[list[int | None] | None] | None
    is_ringed: bool
    age: int
    maybe_age: int | None

    @strawberry.field(metadata=for_many(_friends_of))  # type: ignore[untyped-decorator]
    async def friend(self, info: strawberry.Info[Any, None]) -> "Bird | None":
        found = (await _friends_of([self], info.context))[0]
        if isinstance(found, GraphQLError):
            raise found
        return found

    @strawberry.field(metadata=for_many(_friends_of))  # type: ignore[untyped-decorator]
    async def best_friend(self, info: strawberry.Info[Any, None]) -> "Bird":
        found = (await _friends_of([self], info.context))[0]
        if isinstance(found, GraphQLError):
            raise found
        return found  # type: ignore[return-value]  # there may be none

    @strawberry.field(metadata=for_many(_rivals_of))  # type: ignore[untyped-decorator]
    async def rival(self, info: strawberry.Info[Any, None]) -> "Bird | None":
        return (await _rivals_of([self], info.context))[0]

    @strawberry.field
    async def mate(self) -> "Bird":
        await asyncio.sleep(0)
        return BIRDS[self.friend_name]  # not for all

    @strawberry.field
    async def maybe_mate(self) -> "Bird | None":
        await asyncio.sleep(0)
        return BIRDS[self.friend_name]  # not for all

    @strawberry.field
    def first_nest(self) -> Nest:
        return self.nests[0]  # not for all

    @strawberry.field
    def maybe_nests(self) -> list[Nest | None] | None:
        return [*self.nests, None]  # not for all

    @strawberry.field
    def hatching(self, most: int = 2) -> list[int | None]:
        return [_hatched(number) for number in range(min(most, 9))]  # type: ignore[misc]

    @strawberry.field
    def hatched(self) -> list[int]:
        return [_hatched(number) for number in range(self.age)] if self.age < 9 else []  # type: ignore[misc]

    @strawberry.field
    def returned(self) -> str | None:
        return GraphQLError("It was returned, not raised.")  # type: ignore[return-value]

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
    async def counted(self, fails: bool = True) -> str:
        CALLS[self.name] += 1
        await asyncio.sleep(0)
        if fails:
            raise ValueError("It was counted.")
        return "counted"

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
        "maybe_rows": [[1, None], None],
        "is_ringed": False,
        "age": 3,
        "maybe_age": None,
    }
    return Bird(name=name, friend_name=friend, **{**given, **values})


BIRDS = {
    "knot": _bird("knot", "ruff", seen_at=NOW),
    "ruff": _bird("ruff", "knot", mood=Mood.CROSS, is_ringed=True, nests=[], maybe_rows=[[1, "x", 2**40], [4]]),
    "wren": _bird("wren", "nobody", age=2**40, maybe_age=2**40, nests=None),
    "rail": _bird("rail", "nobody", rows=[[1, "x"], [2]], mood="lost", maybe_rows=7),
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
    async def maybe(self, names: list[str]) -> list[Bird | None] | None:
        return [BIRDS.get(name) for name in names]

    @strawberry.field
    def things(self) -> list[Named]:
        return [BIRDS["ruff"], STONE, BIRDS["knot"]]

    @strawberry.field
    def either(self) -> list[Bird | Stone]:
        return [STONE, BIRDS["knot"]]

    @strawberry.field
    async def stone(self) -> Stone:
        return STONE

    @strawberry.field
    async def maybe_stone(self) -> Stone | None:
        return STONE

    @strawberry.field
    def lazily(self) -> list[int]:
        return (number for number in range(3))  # type: ignore[return-value]

    @strawberry.field
    def nothing(self) -> str:
        return None  # type: ignore[return-value]


SCHEMA = strawberry.Schema(query=Query, types=[Bird, Stone], execution_context_class=CompilingExecutor)


@dataclass
class Context:
    """What the executor looks at, and what was asked for together."""

    compiled: Compiled | None
    batches: list[list[str]] = field(default_factory=list)


async def shown(text: str, variables: dict[str, Any], is_compiling: bool) -> tuple[Any, list[dict[str, Any]]]:
    context = Context(Compiled(parse(text)) if is_compiling else None)
    result = await executed(text, variables, context)
    return result.data, [dict(error.formatted) for error in result.errors or ()]


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


def _null_of(error: dict[str, Any], data: Any) -> tuple[object, ...]:
    """Return the place that an error has made null."""
    above: list[object] = []
    for key in error["path"]:
        if data is None:
            break
        data = data[key]
        above.append(key)
    assert data is None, error
    return tuple(above)


def is_alike(one: tuple[Any, list[dict[str, Any]]], other: tuple[Any, list[dict[str, Any]]]) -> bool:
    """Return whether two answers are alike.

    Of several errors that make the same place null, which of them is heard of first, and so at all, may differ between
    two runs of graphql-core, too.
    """
    if one[0] != other[0] or list(_names(one[0])) != list(_names(other[0])):
        return False
    nulls = [{_null_of(error, data) for error in errors} for data, errors in (one, other)]
    told = [{str(error["path"]): error for error in errors} for _, errors in (one, other)]
    return nulls[0] == nulls[1] and all(told[0][path] == told[1][path] for path in told[0].keys() & told[1].keys())


LEAVES = ["name", "weight", "seenAt", "mood", "rows", "isRinged", "age", "place", "__typename", "maybeRows", "maybeAge"]
OTHERS = ["friend", "mate", "friend2: friend", "mate2: mate", "bestFriend", "rival", "maybeMate"]
FAILING = ["hatching", "hatching(most: 3)", "hatched", "returned", "counted", "counted(fails: false)"]
NAMES = st.lists(st.sampled_from(["knot", "ruff", "wren", "rail"]), max_size=3)
GOOD_NAMES = st.lists(st.sampled_from(["knot", "ruff"]), max_size=3)


@st.composite
def of_bird(draw: Any, depth: int) -> str:
    """A selection of a bird, with aliases, directives, fragments and one field twice."""
    parts = [draw(_leaf_field()) for _ in range(draw(st.integers(1, 4)))]
    parts += [
        f"{draw(st.sampled_from(OTHERS))}{draw(DIRECTIVES)} {draw(of_bird(depth - 1))}"
        for _ in range(draw(st.integers(0, 3 if depth else 0)))
    ]
    more = ["", "", "firstNest { depth eggs }", "nests { ownerMood eggs(most: $most) depth }", "echo(words: $words)"]
    more += ["maybeNests { depth keeper { name } }", "nests { keeper { name age } }", *FAILING]
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
        "maybeStone { name cracks }",
        "stone { name hardness }",
        "either { __typename ... on Bird { name friend { name } } ... on Stone { hardness } }",
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
    for text, variables in made_up(400):
        compiled = await shown(text, variables, is_compiling=True)
        plain = await shown(text, variables, is_compiling=False)

        assert is_alike(compiled, plain), (text, variables, compiled, plain)
        failing += bool(plain[1])

    assert failing > 100
    assert len(runs) > 200, "enough ran as they were compiled"
    assert all(runs), "what was begun was ended"


@pytest.mark.usefixtures("tolerant")
@pytest.mark.parametrize(
    "text",
    [
        "{ bird { name counted } }",
        '{ maybe(names: ["knot", "wren"]) { name friend { name } nests { depth } } }',
        '{ maybe(names: ["knot", "rail"]) { rows } }',
        "{ bird { maybeMate { maybeMate { rival { name } name } } } }",
        '{ birds(names: ["knot"]) { mate { mate { counted } } } }',
        "{ maybeStone { cracks } stone { name } }",
        '{ birds(names: ["dodo"]) { name } }',
        "{ things { ... on Stone { cracks } } }",
        "{ nothing lazily }",
        "{ bird { returned hatching(most: 4) hatched } }",
        '{ ruff: bird(name: "ruff") { maybeRows } rail: bird(name: "rail") { maybeRows } }',
        '{ maybe(names: ["wren"]) { maybeAge } bird { bestFriend { bestFriend { name } } } }',
        '{ bird(name: "rail") { bestFriend { name } } }',
    ],
)
async def test_an_error_has_the_place_the_words_and_the_reach_that_graphql_core_gives_it(
    text: str, runs: list[bool]
) -> None:
    compiled = await shown(text, {}, is_compiling=True)

    assert compiled == await shown(text, {}, is_compiling=False)
    assert compiled[1] or "lazily" in text or "bestFriend" in text
    assert runs == [True]


@pytest.mark.usefixtures("tolerant")
async def test_nothing_is_resolved_twice_where_something_fails() -> None:
    CALLS.clear()

    _, errors = await shown('{ maybe(names: ["knot", "ruff"]) { counted } nothing }', {}, is_compiling=True)

    assert errors
    assert set(CALLS.values()) <= {1}


@pytest.mark.usefixtures("tolerant")
async def test_what_would_be_shown_where_null_stands_is_not_waited_for() -> None:
    before = len(SLOW)
    async with asyncio.timeout(5):
        data, errors = await shown("{ bird { slow counted } stone { name } }", {}, is_compiling=True)

    assert data == {"bird": None, "stone": {"name": "flint"}}
    assert [error["path"] for error in errors] == [["bird", "counted"]]
    assert [task.cancelled() for task in SLOW[before:]] == [True]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each operation that was compiled ran to its end."""
    noted: list[bool] = []

    async def noting(select: Select, executor: Executor[Any]) -> dict[str, Any] | None:
        noted.append(False)
        data = await run(select, executor)
        noted[-1] = True
        return data

    monkeypatch.setattr(executing, "run", noting)
    return noted


async def test_what_is_resolved_for_many_is_asked_for_together() -> None:
    text = "query ($names: [String!]!) { birds(names: $names) { name friend { name friend { name } } } }"
    context = Context(Compiled(parse(text)))

    result = await executed(text, {"names": ["knot", "ruff"]}, context)

    assert result.errors is None
    assert [bird["friend"]["friend"]["name"] for bird in result.data["birds"]] == ["knot", "ruff"]
    assert context.batches == [["knot", "ruff"], ["ruff", "knot"]]


async def test_what_comes_out_of_many_resolvers_is_asked_for_together() -> None:
    text = "query ($names: [String!]!) { birds(names: $names) { mate { friend { name } } } }"
    context = Context(Compiled(parse(text)))

    await executed(text, {"names": ["knot", "ruff"] * 5}, context)

    assert context.batches == [["ruff", "knot"] * 5]


async def test_each_directive_decides_anew_what_is_selected(runs: list[bool]) -> None:
    text = "query ($yes: Boolean!) { bird { name @include(if: $yes) age @skip(if: $yes) } }"
    compiled = Compiled(parse(text))

    answers = [
        (await executed(text, {"yes": yes}, Context(compiled))).data["bird"] for yes in (True, False, True, False)
    ]

    assert answers == [{"name": "knot"}, {"age": 3}] * 2
    assert runs == [True] * 4


async def test_resolvers_are_told_their_place_in_the_answer(runs: list[bool]) -> None:
    text = """{ one: bird { where: place friend { place } }
                things { ... on Bird { mate { place } } } }"""

    data, errors = await shown(text, {}, is_compiling=True)

    assert errors == []
    assert data["one"] == {"where": "['one', 'where']", "friend": {"place": "['one', 'friend', 'place']"}}
    assert data["things"][2] == {"mate": {"place": "['things', 2, 'mate', 'place']"}}
    assert runs == [True]


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Bird") { name } bird { name } }',
    ],
)
async def test_what_is_not_compiled_is_left_to_graphql_core(text: str, runs: list[bool]) -> None:
    data, errors = await shown(text, {}, is_compiling=True)

    assert data
    assert errors == []
    assert runs == []


async def test_whoever_gives_up_an_operation_ends_all_of_it() -> None:
    before = len(SLOW)
    running = asyncio.create_task(shown('{ birds(names: ["knot", "ruff"]) { slow } }', {}, is_compiling=True))
    await _begun(before + 2)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert all(task.cancelled() for task in SLOW)


@pytest.mark.usefixtures("tolerant")
async def test_a_part_that_somebody_else_has_cancelled_has_failed() -> None:
    before = len(SLOW)
    running = asyncio.create_task(shown("{ bird { slow } stone { name } }", {}, is_compiling=True))
    await _begun(before + 1)

    SLOW[-1].cancel()
    async with asyncio.timeout(5):
        data, errors = await running

    assert data == {"bird": None, "stone": {"name": "flint"}}
    assert [error["path"] for error in errors] == [["bird", "slow"]]


async def _begun(count: int) -> None:
    async with asyncio.timeout(5):
        while len(SLOW) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)
