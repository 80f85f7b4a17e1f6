"""The chart: how far each row reaches, on one scale. A bar that passes the line in the middle reaches what it is to."""

from collections.abc import Sequence
from html import escape
from math import log10

from bench.machine import Machine
from bench.measure import AtLeast, Line
from bench.table import ratio_written

_LEFT, _WIDTH, _STEP, _TOP = 470, 420, 24, 76
_DECADES = 1.0  # to either side of the line
_REACHED, _SHORT, _INK, _FAINT = "#2a7f62", "#c8553d", "#222", "#bbb"


def chart(lines: Sequence[Line], machine: Machine) -> str:
    """Return an SVG of the lines that have a reach."""
    shown = [line for line in lines if line.reach is not None]
    height, middle = _TOP + _STEP * len(shown) + 30, _LEFT + _WIDTH / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 110} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/><text x="12" y="24" font-size="16">How far each row reaches'
        f'</text><text x="12" y="44" fill="#555">{escape(str(machine))}</text>',
        *(_tick(times, middle, height) for times in (0.1, 0.2, 0.5, 1, 2, 5, 10)),
        *(_bar(line, place, middle) for place, line in enumerate(shown)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _tick(times: float, middle: float, height: int) -> str:
    x = middle + _offset(times)
    label = "what it is to reach" if times == 1 else f"{times:g} times"
    width = 2 if times == 1 else 1
    return (
        f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP - 8}" y2="{height - 24}" stroke="{_FAINT}" stroke-width="{width}"/>'
        f'<text x="{x:.0f}" y="{height - 8}" text-anchor="middle" fill="#555" font-size="10">{label}</text>'
    )


def _bar(line: Line, place: int, middle: float) -> str:
    assert line.reach is not None
    value = line.figure if line.ratio is None else line.ratio
    times = value / line.reach.bound if isinstance(line.reach, AtLeast) else line.reach.bound / value
    end, y = middle + _offset(times), _TOP + place * _STEP
    beside = f" / {line.beside.what}" if line.beside is not None else ""
    label = f"{line.row} {line.size}: {line.what}{beside}"
    label = label if len(label) <= 74 else label[:73] + "…"
    written = line.unit.written(value) if line.ratio is None else ratio_written(value)
    return (
        f'<text x="{_LEFT - 10}" y="{y + 13}" text-anchor="end" fill="{_INK}">{escape(label)}</text>'
        f'<rect x="{_LEFT}" y="{y + 2}" width="{max(end - _LEFT, 1):.0f}" height="{_STEP - 9}"'
        f' fill="{_REACHED if line.is_reached else _SHORT}"/>'
        f'<text x="{_LEFT + _WIDTH + 8}" y="{y + 13}" fill="{_INK}">{written} ({escape(str(line.reach))})</text>'
    )


def _offset(times: float) -> float:
    return max(-_DECADES, min(_DECADES, log10(times))) / _DECADES * _WIDTH / 2
