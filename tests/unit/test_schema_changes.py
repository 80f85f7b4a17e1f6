import pytest
from graphql import build_schema

from tests.schema_changes import hasty_deprecations, unannounced

RELEASED = """
  type Query { viewer: Viewer!, cases(first: Int, state: State): [Case!]! }
  interface Node { id: ID! }
  type Viewer { name: String!, age: Int }
  type Spare { name: String }
  type Case implements Node { id: ID!, note: String, amount: Decimal! }
  union Found = Case | Viewer
  enum State { OPEN CLOSED }
  scalar Decimal
  type Mutation { close(input: CloseInput!): Found }
  input CloseInput { id: ID!, note: String }
"""

# What is written otherwise, and the member that it breaks.
BREAKING = {
    "a field that is gone": ("note: String, amount", "amount", "Case.note"),
    "a field of another type": ("amount: Decimal!", "amount: Float!", "Case.amount"),
    "a field that may be null now": ("name: String!,", "name: String,", "Viewer.name"),
    "an argument that is gone": ("first: Int, ", "", "Query.cases(first:)"),
    "an argument that is required now": ("first: Int,", "first: Int!,", "Query.cases(first:)"),
    "a new required argument": ("first: Int,", "first: Int, last: Int!,", "Query.cases(last:)"),
    "a member of an enum that is gone": ("OPEN CLOSED", "OPEN", "State.CLOSED"),
    "a new required field of an input": ("note: String }", "note: String, by: ID! }", "CloseInput.by"),
    "a field of an input that is gone": ("id: ID!, note: String }\n", "id: ID! }\n", "CloseInput.note"),
    "a type that is gone": ("type Spare { name: String }", "", "Spare"),
    "a type of another kind": ("scalar Decimal", "enum Decimal { ONE }", "Decimal"),
    "an interface that is no more implemented": ("Case implements Node", "Case", "Case"),
    "a type that a union has no more": ("Case | Viewer", "Case", "Found"),
}
HARMLESS = {
    "a new field": ("name: String!,", "name: String!, mail: String,"),
    "a new type": ("scalar Decimal", "scalar Decimal\ntype Payment { amount: Decimal! }"),
    "a new optional argument": ("first: Int,", "first: Int, last: Int,"),
    "a new member of an enum": ("OPEN CLOSED", "OPEN CLOSED PAUSED"),
    "a field that is never null now": ("note: String, amount", "note: String!, amount"),
    "another description": ("scalar Decimal", '"A number."\nscalar Decimal'),
}


def changed(old: str, new: str) -> str:
    assert RELEASED.count(old) == 1
    return RELEASED.replace(old, new)


def changelog(announced: str) -> str:
    return (
        f"# Changelog\n\n## Unreleased\n\n* Breaking: `{announced}` is no more.\n\n## 0.1.0\n\n* Breaking: `Old.one`\n"
    )


@pytest.mark.parametrize(("old", "new", "coordinate"), BREAKING.values(), ids=BREAKING.keys())
def test_what_breaks_clients_must_be_announced_by_its_coordinate(old: str, new: str, coordinate: str) -> None:
    released, present = build_schema(RELEASED), build_schema(changed(old, new))

    assert unannounced(released, present, changelog("Something.else")) != []
    assert unannounced(released, present, changelog(coordinate)) == []


@pytest.mark.parametrize(("old", "new"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_breaks_nobody_needs_no_announcement(old: str, new: str) -> None:
    assert unannounced(build_schema(RELEASED), build_schema(changed(old, new)), "# Changelog\n\n## Unreleased\n") == []


def test_only_what_is_announced_for_the_next_release_counts() -> None:
    present = build_schema(changed("note: String, amount", "amount"))
    former = "# Changelog\n\n## Unreleased\n\n* More.\n\n## 0.1.0\n\n* Breaking: `Case.note` is no more.\n"

    assert unannounced(build_schema(RELEASED), present, former) == ["Field Case.note was removed."]


def test_a_coordinate_that_is_named_in_passing_announces_nothing() -> None:
    present = build_schema(changed("note: String, amount", "amount"))
    in_passing = "# Changelog\n\n## Unreleased\n\n* `Case.note` is shown in full.\n"

    assert unannounced(build_schema(RELEASED), present, in_passing) == ["Field Case.note was removed."]


REASONS = {
    "Use amount. Since 2026-11-23. Removal 2027-02-21": True,
    "Use amount. Since 2026-11-23. Removal 2027-02-20": False,  # less than three months
    "Use amount. Since 2026-11-23. Removal 2026-02-21": False,
    "Use amount. Removal 2027-02-21": False,
    "Use amount. Since 2026-11-23. Removal 2027-02-31": False,  # no such day
    "Use amount. Since 2026-11-23. Removal 2027-02-21 or so": False,
    "No longer supported": False,
}
PLACES = {
    "Query.one": "type Query { one: Int @deprecated(reason: REASON), two: Int }",
    "Query.one(first:)": "type Query { one(first: Int @deprecated(reason: REASON)): Int }",
    "State.OPEN": "type Query { one: State } enum State { OPEN @deprecated(reason: REASON) CLOSED }",
    "Given.one": "type Query { one(given: Given): Int } input Given { one: Int @deprecated(reason: REASON) }",
    "Node.one": "type Query { one: Node } interface Node { one: Int @deprecated(reason: REASON) }",
}


@pytest.mark.parametrize(("reason", "is_fair"), REASONS.items())
@pytest.mark.parametrize(("coordinate", "written"), PLACES.items())
def test_a_deprecation_names_its_day_and_one_three_months_later(
    coordinate: str, written: str, reason: str, is_fair: bool
) -> None:
    schema = build_schema(written.replace("REASON", f'"{reason}"'))

    assert hasty_deprecations(schema) == ([] if is_fair else [coordinate])
