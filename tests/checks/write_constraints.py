"""Write constraints.txt, the pins of pyproject.toml in pip's form: `python tests/checks/write_constraints.py`."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADER = """\
# The versions that were tested: pip install an-cli -c constraints.txt
# Made from [tool.uv] constraint-dependencies of pyproject.toml by tests/checks/write_constraints.py; do not edit.
"""


def constraints(pyproject: Path) -> str:
    """Text of constraints.txt for a pyproject.toml."""
    pins = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["uv"]["constraint-dependencies"]
    return HEADER + "".join(f"{pin}\n" for pin in pins)


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(constraints(ROOT / "pyproject.toml"), encoding="utf-8")
