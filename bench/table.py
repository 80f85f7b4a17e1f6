"""The table, as text that is Markdown too."""

from collections.abc import Sequence

from bench.measure import Line

_HEAD = ("row", "size", "what", "figure", "beside it", "its figure", "ratio", "of single rounds", "reach", "reached")


def table(lines: Sequence[Line]) -> str:
    cells = [_HEAD, *(_cells(line) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    head, *body = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    return "\n".join([head, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body])


def _cells(line: Line) -> tuple[str, ...]:
    beside, figure = "", ""
    if line.beside is not None:
        beside, figure = line.beside.what, line.unit.written(_median_beside(line))
    return (
        line.row,
        line.size,
        line.what,
        line.unit.written(line.figure),
        beside,
        figure,
        "" if line.ratio is None else f"{line.ratio:.2f}",
        "" if line.spread is None else "{:.2f} to {:.2f}".format(*line.spread),
        "" if line.reach is None else str(line.reach),
        {None: "", True: "yes", False: "NO"}[line.is_reached],
    )


def _median_beside(line: Line) -> float:
    assert line.ratio is not None
    return line.figure / line.ratio
