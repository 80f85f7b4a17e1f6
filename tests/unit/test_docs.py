"""What the documentation repeats of the code."""

import re
from pathlib import Path

from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.return_reason import RETURN_REASONS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_documented_return_reasons_are_those_of_the_table() -> None:
    page = (DOCS / "return-reasons.md").read_text()

    documented = re.findall(r"^\| ([A-Z0-9]{4}) \| (.+) \| `([A-Z_]+)` \|$", page, re.MULTILINE)

    assert documented == [(reason.code, reason.meaning, reason.reaction) for reason in RETURN_REASONS]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == set(ReturnReaction)
