"""The size of variables. They are turned into inputs value by value, and nothing else runs meanwhile."""

from collections.abc import Mapping

MOST_VALUES = 30_000  # a thousand cases have some fifteen thousand
LONGEST_LIST = 2_000


def flaw_of(variables: Mapping[str, object]) -> str | None:
    """Return what is too large in the variables, None if nothing is."""
    values = 0
    waiting: list[object] = [variables]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            if len(value) > LONGEST_LIST:
                return f"A list in the variables has at most {LONGEST_LIST:,} entries; one has {len(value):,}."
            inner = value
        elif isinstance(value, dict):
            inner = list(value.values())
        else:
            continue
        values += len(inner)
        if values > MOST_VALUES:
            return f"The variables hold at most {MOST_VALUES:,} values."
        waiting += inner
    return None
