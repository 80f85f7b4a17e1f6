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
        "" if line.ratio is None else ratio_written(line.ratio),
        "" if line.spread is None else " to ".join(map(ratio_written, line.spread)),
        "" if line.reach is None else str(line.reach),
        {None: "", True: "yes", False: "NO"}[line.is_reached],
    )


def ratio_written(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"


def _median_beside(line: Line) -> float:
    assert line.ratio is not None
    return line.figure / line.ratio
