"""How large a document is, whatever it means."""

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from dunlin.api.limits.bounds import LARGEST, MOST_OPERATIONS, Size, largest_size, violations


def size_of(text: str) -> Size:
    return largest_size(parse(text))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("{ a }", Size(1, 1, 1, 0, 0), id="one field"),
        pytest.param("{ a { b c } d }", Size(2, 2, 4, 0, 0), id="fields within a field"),
        pytest.param("{ x: a y: a }", Size(1, 1, 2, 2, 0), id="aliases"),
        pytest.param("query ($v: Int @p) @q { a @r ... @s { b } ...F @t }", Size(1, 2, 2, 0, 5), id="directives"),
        pytest.param("{ ... { ... { a } } }", Size(1, 3, 1, 0, 0), id="inline fragments nest, and are no depth"),
        pytest.param("{ a { ...F } } fragment F on T { b { c } }", Size(3, 4, 3, 0, 0), id="a fragment"),
        pytest.param("{ ...F ...F } fragment F on T { x: b }", Size(1, 2, 2, 2, 0), id="a fragment spread twice"),
        pytest.param(
            "{ ...G } fragment F on T { b } fragment G on T { ...F c }", Size(1, 3, 2, 0, 0), id="in any order"
        ),
        pytest.param("{ a } { b { c } }", Size(2, 2, 2, 0, 0), id="the largest operation counts"),
        pytest.param("{ ...F } fragment F on T { a { ...F } }", Size(2, 4, 2, 0, 0), id="a circle"),
        pytest.param("{ ...F a }", Size(1, 1, 1, 0, 0), id="a fragment that there is not"),
        pytest.param("{ __schema { types { fields { name } } } }", Size(1, 4, 4, 0, 0), id="introspection is no depth"),
        pytest.param("type A { b: C }", Size(), id="no operation at all"),
    ],
)
def test_a_document_is_as_large_as(text: str, size: Size) -> None:
    assert size_of(text) == size


def chain(length: int) -> str:
    """Each fragment spreads the next one twice."""
    links = [f"fragment F{i} on T {{ ...F{i + 1} ...F{i + 1} }}" for i in range(length)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{length} on T {{ x: a @b }}"])


def test_numbers_do_not_grow_above_what_is_refused() -> None:
    size = size_of(chain(190))

    assert (size.fields, size.aliases, size.directives) == (
        LARGEST.fields + 1,
        LARGEST.aliases + 1,
        LARGEST.directives + 1,
    )


def test_a_chain_of_thousands_of_fragments_is_counted() -> None:
    assert size_of(chain(5_000)).nesting > LARGEST.nesting


def test_each_kind_is_told_once() -> None:
    text = " ".join(["query Q { ...F0 } " + chain(10).removeprefix("{ ...F0 }"), *["query R { x: a @b }"] * 20])

    assert [error.message for error in violations(parse(text))] == [
        "An operation selects at most 1,000 fields, each counted as often as its fragments are spread.",
        "An operation has at most 50 aliases, each counted as often as its fragments are spread.",
        "An operation has at most 50 directives, each counted as often as its fragments are spread.",
        "A document has at most 10 operations; this one has 21.",
    ]


def test_what_tools_ask_of_the_schema_is_within_the_bounds() -> None:
    asked = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )

    assert violations(parse(asked)) == []


@pytest.mark.parametrize(
    ("just", "too_much"),
    [
        pytest.param("{ a " * LARGEST.depth + "}" * LARGEST.depth, "{ a " * 16 + "}" * 16, id="depth"),
        pytest.param("{ ... " * 49 + "{ a }" + "}" * 49, "{ ... " * 50 + "{ a }" + "}" * 50, id="nesting"),
        pytest.param("{" + " a" * LARGEST.fields + "}", "{" + " a" * (LARGEST.fields + 1) + "}", id="fields"),
        pytest.param("{" + " x: a" * LARGEST.aliases + "}", "{" + " x: a" * (LARGEST.aliases + 1) + "}", id="aliases"),
        pytest.param(
            "{ a" + " @b" * LARGEST.directives + "}", "{ a" + " @b" * (LARGEST.directives + 1) + "}", id="directives"
        ),
        pytest.param("{ a(b: -" + "9" * 399 + ") }", "{ a(b: -" + "9" * 400 + ") }", id="digits"),
        pytest.param("{ a(b: 0." + "9" * 398 + ") }", "{ a(b: 0." + "9" * 399 + ") }", id="decimals"),
        pytest.param("{ a }" * MOST_OPERATIONS, "{ a }" * (MOST_OPERATIONS + 1), id="operations"),
    ],
)
def test_one_more_is_too_much(just: str, too_much: str) -> None:
    assert violations(parse(just)) == []
    assert len(violations(parse(too_much))) == 1


NAMES = st.sampled_from("ABCD")
SELECTIONS = st.recursive(
    st.one_of(st.just("a"), st.just("x: a"), NAMES.map("...{}".format), st.just("a @d")),
    lambda inner: st.one_of(
        inner.map("a {{ {} }}".format), inner.map("... {{ {} }}".format), st.lists(inner, min_size=1).map(" ".join)
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(NAMES, SELECTIONS), max_size=6), SELECTIONS)
def test_any_document_is_counted_whatever_its_fragments(fragments: list[tuple[str, str]], top: str) -> None:
    definitions = [f"fragment {name} on T {{ {selection} }}" for name, selection in fragments]

    size = size_of(" ".join([f"{{ {top} }}", *definitions]))

    assert 0 <= size.aliases <= size.fields
    assert size.depth <= max(1, size.fields)
