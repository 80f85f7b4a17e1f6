"""Reading a document takes bounded work, whatever stands in it: counted in calls of functions, not in time."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from bench.hostile_documents import ALLOWED, HOSTILE, REFUSED
from dunlin.api.limits import reading
from dunlin.api.limits.cost import MOST, cost_of_operation
from dunlin.api.limits.fields import FieldCosts
from dunlin.api.limits.reading import ReadDocument, read_document
from dunlin.api.schema import schema

COSTS = FieldCosts()
LONGEST = 10_000
# The plain page query takes some 10,000 to be read, and several times that to be run.
MOST_CALLS = 800_000

PAGE = """query ($id: ID!) { organization(id: $id) { reminders(first: 20) { nodes {
  status scheduledFor case { number customer { name } } } } } }"""


def read(text: str) -> ReadDocument:
    return read_document(text, schema._schema, COSTS)


def calls_of(text: str) -> int:
    """Return how many functions are called to read a document."""
    return calls_in(lambda: read(text))


def calls_in(act: Callable[[], object]) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(former)
    return calls


def test_the_page_query_takes_little() -> None:
    read(PAGE)

    assert calls_of(PAGE) < 20_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_takes_bounded_work(text: str) -> None:
    assert len(text) <= LONGEST
    assert calls_of(text) <= MOST_CALLS


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_few_errors_are_told_of_a_hostile_document(text: str) -> None:
    assert len(read(text).errors) <= 21


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_allowed_costs_no_more_than_it_may(text: str) -> None:
    document = read(text)

    assert document.errors or document.plan is not None
    assert document.plan is None or cost_of_operation(document.plan, None, {}) <= MOST


# Parts that documents are put together from, each as often as is tried; {i} tells one copy from another.
PARTS = [
    "viewer { id name }",
    "a{i}: viewer { id }",
    "organization(id: 1) { name }",
    "node(id: 1) { ... on CollectionCase { id steps { id } } }",
    "organizations { nodes { collectionCases { nodes { id } } } }",
    "nodes(ids: [1, 2, 3]) { id }",
    "...F",
    "...G",
    "... { viewer { id } }",
    "... on Query { ...F }",
    "... on Quer { id }",
    "viewr { id }",
    "viewer { nam{i} }",
    "organizations(frst: 1) { nodes { id } }",
    "viewer @skip(if: false) { id }",
    "viewer @skp(if: $v) { id }",
    "organization(id: $v) { name }",
    "organizations(first: $w{i}) { nodes { id } }",
    "previewSms(input: {organizationId: 1, text: $v}) { text }",
    "__schema { types { fields { type { name } } } }",
    '__type(name: "Query") { fields { name } }',
]
SELECTION = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from([1, 1, 3, 20, 60, 200])), min_size=1, max_size=5)
HEADS = st.sampled_from(["query", "query ($v: ID!)", "query ($v: Int = 1, $u: [ID!])", "query Q", "mutation"])
COPIES = st.sampled_from([1, 1, 2, 9, 30])


def written(selection: list[tuple[str, int]]) -> str:
    return " ".join(part.replace("{i}", str(i)) for part, times in selection for i in range(times))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(HEADS, COPIES, SELECTION, SELECTION, SELECTION)
def test_no_document_that_is_put_together_takes_more(
    head: str, copies: int, top: list[tuple[str, int]], one: list[tuple[str, int]], other: list[tuple[str, int]]
) -> None:
    fragments = [f"fragment F on Query {{ {written(one)} }}", f"fragment G on Query {{ {written(other)} }}"]
    text = " ".join([*[f"{head} {{ {written(top)} }}"] * copies, *fragments])[:LONGEST]

    calls = calls_of(text)
    target(float(calls))

    assert calls <= MOST_CALLS, text


def test_what_was_read_is_not_read_again_and_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_KEPT", 10)
    reader = reading.Reader(schema._schema)
    texts = [f"# {place}\n{PAGE}" for place in range(12)]
    for place, text in enumerate(texts[:10]):
        reader.read(text, place // 2)
    again = calls_in(lambda: reader.read(texts[0], 0))
    for text in texts[10:]:
        reader.read(text, 7)

    assert again < 20
    assert (reader.hits, reader.misses) == (1, 12)
    assert [place for place, text in enumerate(texts) if not reader.keeps(text)] == [1, 2]


def test_long_documents_are_kept_as_long_as_all_of_them_are_not_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_CHARACTERS", 100)
    reader = reading.Reader(schema._schema)
    texts = [f"{{ viewer {{ name }} }} # {'x' * place}" for place in (10, 20, 30, 60)]
    monkeypatch.setattr(reading, "_SHARES", 1)
    for text in texts:
        reader.read(text, 1)

    assert [reader.keeps(text) for text in texts] == [False, False, False, True]


def test_an_account_that_sends_ever_new_documents_leaves_those_of_others() -> None:
    reader = reading.Reader(schema._schema)
    mine = [f"# {place}\n{PAGE}" for place in range(20)]
    for text in mine:
        reader.read(text, 1)

    theirs = [f"{{ viewer {{ name }} }} # {place}" for place in range(1_100)]
    for text in theirs:
        reader.read(text, 2)
    long = [f"{{ viewer {{ name }} }} # {place}{'x' * 31_000}" for place in range(40)]
    for text in long:
        reader.read(text, 3)

    assert all(reader.keeps(text) for text in mine)
    assert sum(reader.keeps(text) for text in theirs) == 256
    assert 1 < sum(reader.keeps(text) for text in long) <= 8


def test_a_document_stays_as_long_as_anybody_sends_it() -> None:
    reader = reading.Reader(schema._schema)
    reader.read(PAGE, 1)
    for place in range(1_000):
        reader.read(f"{{ viewer {{ name }} }} # {place}", 1)
        reader.read(PAGE, 2)

    assert reader.keeps(PAGE)
