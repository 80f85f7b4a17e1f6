"""What the documentation repeats of the code."""

import re
from datetime import timedelta
from pathlib import Path
from textwrap import indent

import pytest

from dunlin.api.app import _MAX_DOCUMENT
from dunlin.api.bounded_http import LARGEST_HEAD
from dunlin.api.errors import ErrorCode
from dunlin.api.limits import bounds, cost, turns, variables, weights
from dunlin.api.pages import DEFAULT_PAGE, MAX_PAGE
from dunlin.api.transport.endpoint import _STATUS
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.api.transport.message import LARGEST as LARGEST_MESSAGE
from dunlin.api.transport.operation import LONGEST_OPERATION_S
from dunlin.api.transport.request import _LONGEST_URL
from dunlin.domain import idempotency
from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.case_input import MAX_CASES
from dunlin.domain.rules.return_reason import RETURN_REASONS
from dunlin.runtime.bank_import import MAX_UPLOAD
from dunlin.runtime.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
EXAMPLES = {
    "python": [path.read_text() for path in REPOSITORY.glob("examples/python/*.py")],
    "ts": [path.read_text() for path in REPOSITORY.glob("examples/typescript/src/*.ts")],
}
DEEPEST = 40


def test_the_documented_return_reasons_are_those_of_the_table() -> None:
    page = (DOCS / "return-reasons.md").read_text()

    documented = re.findall(r"^\| ([A-Z0-9]{4}) \| (.+) \| `([A-Z_]+)` \|$", page, re.MULTILINE)

    assert documented == [(reason.code, reason.meaning, reason.reaction) for reason in RETURN_REASONS]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == set(ReturnReaction)


def table(page: str, *head: str) -> list[list[str]]:
    """Return the rows of the table whose head begins like this."""
    columns = re.escape(" | ".join(head))
    rows = re.search(rf"^\| {columns} \|.*\n\|[-|]+\n((?:\|.*\n)+)", (DOCS / page).read_text(), re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]


def test_the_documented_codes_are_all_there_are_each_with_its_status() -> None:
    documented = {row[0].strip("`"): int(row[1]) for row in table("api.md", "code")}

    assert documented == {code.value: _STATUS[code] for code in ErrorCode}


def test_the_documented_limits_are_those_in_force() -> None:
    kept = idempotency.KEPT // timedelta(hours=1)
    document = (
        f"{bounds.LONGEST_DOCUMENT:,} characters, {bounds.MOST_TOKENS:,} tokens, {bounds.MOST_COMMENTS} comments,"
        f" {bounds.MOST_OPERATIONS} operations"
    )
    largest = bounds.LARGEST
    operation = (
        f"{largest.fields:,} fields, {largest.depth} deep, {largest.aliases} aliases, {largest.directives} directives,"
        f" {cost.MOST:,} points; a subscription {cost.MOST_OF_SUBSCRIPTION} points"
    )

    assert table("api.md", "what", "at most") == [
        ["a request", f"{_MAX_DOCUMENT:,} bytes"],
        ["the parameters of a `GET`", f"{_LONGEST_URL:,} bytes"],
        ["the headers of a request", f"{LARGEST_HEAD:,} bytes"],
        ["a document", document],
        ["an operation", operation],
        ["variables", f"{variables.MOST_VALUES:,} values, {variables.LONGEST_LIST:,} entries in a list"],
        [
            "queries and mutations of an account that run at a time, per API process",
            f"{turns.AT_ONCE}; {turns.MOST_WAITING} more wait",
        ],
        [
            "the time that one of these waits, else it is `RATE_LIMITED` and not begun",
            f"{turns.LONGEST_WAIT_S:.0f} seconds",
        ],
        ["the time of an operation once it is begun, but for a subscription", f"{LONGEST_OPERATION_S:.0f} seconds"],
        ["a page", f"{MAX_PAGE} entries, {DEFAULT_PAGE} unless asked otherwise"],
        ["ids in `nodes`", f"{MAX_PAGE}"],
        ["cases in `openCollectionCases`", f"{MAX_CASES:,}"],
        ["a file in `importBankFile`", f"{MAX_UPLOAD:,} bytes, before base64, in a variable"],
        ["an idempotency key", f"{idempotency.MAX_LENGTH} characters, kept for {kept} hours"],
    ]


def test_the_documented_points_are_those_in_force() -> None:
    text = " ".join((DOCS / "api.md").read_text().split())
    default = Settings.model_fields["rate_limit"].default

    assert f"One operation costs at most {cost.MOST:,} points, a subscription {cost.MOST_OF_SUBSCRIPTION}," in text
    assert f"has {default:,} points a minute unless the operator has chosen another number" in text
    assert f"{weights.MUTATION // weights.POINT} for a mutation" in text


def test_the_documented_limits_of_live_connections_are_those_in_force() -> None:
    limits = LiveLimits.of(Settings())
    per_second, at_once = limits.operations_per_second, limits.operations_at_once

    assert table("api.md", "what", "limit") == [
        ["connections of a token, per API process", f"{limits.connections_per_token}, else 1013 or 429"],
        [
            "connections from one network address, per API process",
            f"{limits.connections_per_address:,}, else 429 at the handshake",
        ],
        ["connections, per API process", f"{limits.connections:,}, else 503 at the handshake"],
        ["operations at a time over a WebSocket", f"{limits.operations_per_socket}"],
        ["operations at a time of a token, per API process", f"{limits.operations_per_token:,}"],
        ["operations begun over a WebSocket", f"{per_second} a second, {at_once} at once after a pause"],
        [
            "pings of a client over a WebSocket",
            f"{limits.pings_per_second} a second, {limits.pings_at_once} at once after a pause",
        ],
        ["a message over a WebSocket", f"{LARGEST_MESSAGE:,} bytes"],
        ["time for `connection_init`", f"{limits.init_within.seconds} seconds"],
        ["a WebSocket without an operation", f"closed after {limits.idle_for.seconds // 60} minutes"],
        ["an event stream", f"ended after {limits.stream_lasts.seconds // 60} minutes"],
    ]


@pytest.mark.parametrize("language", EXAMPLES)
def test_what_is_shown_of_the_examples_stands_in_them(language: str) -> None:
    excerpts = [
        excerpt
        for page in DOCS.glob("*.md")
        for excerpt in re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]

    def stands_in_an_example(excerpt: str) -> bool:
        return any(indent(excerpt, " " * depth) in text for depth in range(DEEPEST) for text in EXAMPLES[language])

    assert excerpts
    assert [excerpt for excerpt in excerpts if not stands_in_an_example(excerpt)] == []


def test_every_mutation_that_takes_a_key_is_named() -> None:
    page = (DOCS / "api.md").read_text()
    schema = (REPOSITORY / "schema.graphql").read_text()
    keyed = re.findall(r"^input (\w+)Input [^{]*\{[^}]*\bidempotencyKey:", schema, re.MULTILINE)
    names = {name[0].lower() + name[1:] for name in keyed}

    assert len(names) > 10
    assert {name for name in names if f"`{name}`" not in page} == set()
