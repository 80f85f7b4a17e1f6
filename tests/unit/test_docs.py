"""What the documentation repeats of the code."""

import re
from datetime import timedelta
from pathlib import Path
from textwrap import indent

import pytest

from dunlin.api.app import _MAX_DOCUMENT
from dunlin.api.bounded_http import LARGEST_HEAD
from dunlin.api.errors import ErrorCode
from dunlin.api.pages import DEFAULT_PAGE, MAX_PAGE
from dunlin.api.transport.endpoint import _STATUS
from dunlin.api.transport.message import LARGEST
from dunlin.api.transport.operation import LONGEST_OPERATION_S
from dunlin.api.transport.request import _LONGEST_URL
from dunlin.domain import idempotency
from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.case_input import MAX_CASES
from dunlin.domain.rules.return_reason import RETURN_REASONS

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


def table(page: str, first: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this head."""
    text = (DOCS / page).read_text()
    rows = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]


def test_the_documented_codes_are_all_there_are_each_with_its_status() -> None:
    documented = {row[0].strip("`"): int(row[1]) for row in table("api.md", "code")}

    assert documented == {code.value: _STATUS[code] for code in ErrorCode}


def test_the_documented_limits_are_those_in_force() -> None:
    kept = idempotency.KEPT // timedelta(hours=1)

    assert table("api.md", "what") == [
        ["a request", f"{_MAX_DOCUMENT:,} bytes"],
        ["the parameters of a `GET`", f"{_LONGEST_URL:,} bytes"],
        ["the headers of a request", f"{LARGEST_HEAD:,} bytes"],
        ["a message over a WebSocket", f"{LARGEST:,} bytes"],
        ["an operation over HTTP", f"{LONGEST_OPERATION_S:.0f} seconds"],
        ["a page", f"{MAX_PAGE} entries, {DEFAULT_PAGE} unless asked otherwise"],
        ["ids in `nodes`", f"{MAX_PAGE}"],
        ["cases in `openCollectionCases`", f"{MAX_CASES:,}"],
        ["an idempotency key", f"{idempotency.MAX_LENGTH} characters, kept for {kept} hours"],
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
