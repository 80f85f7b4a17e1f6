import pytest

from dunlin.domain.errors import ProblemCode
from dunlin.domain.rules.remark import check_remark, remark_of


@pytest.mark.parametrize("text", [None, "", " ", "Promised to pay on Friday", "x" * 500, "Überfällig 🙂"])
def test_a_remark_is_one_line_or_nothing(text: str | None) -> None:
    assert check_remark(text, "reason") == []


@pytest.mark.parametrize("text", ["x" * 501, "two\nlines", "nul\0", "\u202e"])
def test_what_is_no_line_of_text_is_refused(text: str) -> None:
    assert [(problem.code, problem.path) for problem in check_remark(text, "reason")] == [
        (ProblemCode.INVALID, ("reason",))
    ]


@pytest.mark.parametrize(("text", "kept"), [(None, None), ("", None), ("  ", None), (" so ", "so")])
def test_blanks_around_a_remark_are_not_kept(text: str | None, kept: str | None) -> None:
    assert remark_of(text) == kept
