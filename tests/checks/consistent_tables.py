"""Random stores whose tables must not contradict themselves: `python -m tests.checks.consistent_tables [--tables N]`.

Exits 1 if any does. The quick version is tests/report/test_consistency.py.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from an_cli.report import Mark, Quantity
from an_cli.report.formats.wording import differs_text
from tests.report.random_tables import contradictions, random_study


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000)
    tables, broken, bold, claims = parser.parse_args().tables, 0, 0, 0
    for number in range(tables):
        made = random_study(np.random.default_rng([8, number]))
        for problem in contradictions(made):
            broken += 1
            print(f"table {number}: {problem}")
        table = made.table()
        bold += any(Mark.BEST in row.cell("top1_error_pct").marks for row in table.rows)
        claims += any(differs_text(row.cell(Quantity.DIFFERS), table.alpha).startswith("yes") for row in table.rows)
    print(f"{tables} tables, {bold} with a bold row, {claims} with a claim: {broken} contradictions")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
