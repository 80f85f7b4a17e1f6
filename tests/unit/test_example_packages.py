"""What the TypeScript examples stand on: exact versions, from whatever registry a machine is set up for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

TYPESCRIPT = Path(__file__).resolve().parents[2] / "examples" / "typescript"
PACKAGE: dict[str, Any] = json.loads((TYPESCRIPT / "package.json").read_text())
LOCK: dict[str, Any] = json.loads((TYPESCRIPT / "package-lock.json").read_text())


@pytest.mark.parametrize("kind", ["dependencies", "devDependencies"])
def test_the_examples_name_exact_versions_and_the_lock_has_them(kind: str) -> None:
    named: dict[str, str] = PACKAGE[kind]

    assert [name for name, version in named.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert {name: LOCK["packages"][f"node_modules/{name}"]["version"] for name in named} == named


def test_the_lock_names_no_registry() -> None:
    packages = LOCK["packages"].values()
    without_funding = [{name: value for name, value in package.items() if name != "funding"} for package in packages]

    assert [package for package in packages if "resolved" in package] == []
    assert "://" not in json.dumps(without_funding)
    assert all("integrity" in package for path, package in LOCK["packages"].items() if path)
