"""Records become a table: statistics, comparability, text. The frame for notebooks is `an_cli.report.frame`."""

from an_cli.report.build import Cost, build_table, make_table
from an_cli.report.machine import json_value
from an_cli.report.output import FILES, render, write
from an_cli.report.spec import Epoch, Measure, Spec, load_spec
from an_cli.report.table import Column, Direction, Mark, RowStatus, Table, TableCell, TableRow

__all__ = [
    "Column", "Cost", "Direction", "Epoch", "FILES", "Mark", "Measure", "RowStatus", "Spec", "Table", "TableCell",
    "TableRow", "build_table", "json_value", "load_spec", "make_table", "render", "write",
]  # fmt: skip
