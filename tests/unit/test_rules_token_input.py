import pytest

from dunlin.domain.choices import Permission
from dunlin.domain.rules.token_input import check_granted, check_token

READ, CONFIGURE, ADMIN = Permission.READ, Permission.CONFIGURE, Permission.ADMIN


@pytest.mark.parametrize(
    ("name", "permissions", "days", "paths"),
    [
        pytest.param("Bookkeeping", [READ], 1, [], id="good"),
        pytest.param("x" * 200, [ADMIN], 3650, [], id="good-at-the-limits"),
        pytest.param("Bookkeeping", [READ, READ], 365, [], id="a-permission-twice"),
        pytest.param("", [READ], 1, [("name",)], id="empty-name"),
        pytest.param("  ", [READ], 1, [("name",)], id="blank-name"),
        pytest.param("x" * 201, [READ], 1, [("name",)], id="endless-name"),
        pytest.param("a\0b", [READ], 1, [("name",)], id="name-with-nul"),
        pytest.param("Bookkeeping", [], 1, [("permissions",)], id="no-permission"),
        pytest.param("Bookkeeping", [READ], 0, [("days",)], id="no-day"),
        pytest.param("Bookkeeping", [READ], -1, [("days",)], id="yesterday"),
        pytest.param("Bookkeeping", [READ], 3651, [("days",)], id="too-long"),
        pytest.param("", [], 0, [("name",), ("permissions",), ("days",)], id="everything-wrong"),
    ],
)
def test_a_token_has_a_name_a_permission_and_an_end(
    name: str, permissions: list[Permission], days: int, paths: list[tuple[str, ...]]
) -> None:
    assert [problem.path for problem in check_token(name, permissions, days)] == paths


def test_nobody_grants_what_they_lack() -> None:
    problems = check_granted([READ, CONFIGURE, ADMIN], frozenset({READ, ADMIN}))

    assert [problem.path for problem in problems] == [("permissions", "1")]
    assert "CONFIGURE" in problems[0].message
