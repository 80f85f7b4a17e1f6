"""What a person writes beside an act: one line, or nothing."""

from dunlin.domain.errors import Problem, ProblemCode

MAX_LENGTH = 500


def check_remark(text: str | None, *path: str) -> list[Problem]:
    if text is None or (len(text) <= MAX_LENGTH and text.isprintable()):
        return []
    return [Problem(ProblemCode.INVALID, f"This has at most {MAX_LENGTH} printable characters.", path)]


def remark_of(text: str | None) -> str | None:
    """Return a checked remark without blanks around it; None if nothing is left."""
    return (text or "").strip() or None
