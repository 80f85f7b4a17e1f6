"""What a run leaves behind in `bench/results/`: the table, the same as JSON, and the chart."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.chart import chart
from bench.machine import Machine
from bench.measure import Line
from bench.table import table

FOLDER = Path(__file__).parent / "results"


def headed_table(lines: Sequence[Line], machine: Machine, name: str) -> str:
    return f"{name}, {datetime.now(UTC):%Y-%m-%d}: {machine}\n\n{table(lines)}\n"


def write_results(lines: Sequence[Line], machine: Machine, name: str, folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "name": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "lines": [plain(line) for line in lines],
    }
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    (folder / f"{name}.md").write_text(headed_table(lines, machine, name))
    (folder / f"{name}.svg").write_text(chart(lines, machine))


def plain(line: Line) -> dict[str, object]:
    return {
        "row": line.row,
        "size": line.size,
        "what": line.what,
        "unit": line.unit.value,
        "figure": line.figure,
        "figures": list(line.figures),
        "beside": line.beside.what if line.beside is not None else None,
        "beside_figures": list(line.beside.figures) if line.beside is not None else None,
        "ratio": line.ratio,
        "ratio_of_single_rounds": line.spread,
        "reach": str(line.reach) if line.reach is not None else None,
        "is_reached": line.is_reached,
    }
