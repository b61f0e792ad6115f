"""docs/tables.md: the line that it explains is a line of the README's table."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_explained_line_stands_in_the_readme() -> None:
    (line,) = re.findall(r"## One line\n\n```\n(.*)\n```", (ROOT / "docs" / "tables.md").read_text(encoding="utf-8"))
    cells = re.split(r"  +", line)
    rows = [re.split(r"  +", row) for row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    assert len(cells) == 4
    assert [row for row in rows if row[0] == cells[0] and set(cells) <= set(row)]
