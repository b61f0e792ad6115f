"""Records become a table: statistics, comparability, text. The frame for notebooks is `an_cli.report.frame`."""

from an_cli.report.audit import Finding, audit
from an_cli.report.bits import Bits
from an_cli.report.build import Cost, build_table, make_table
from an_cli.report.comparison import Comparison, Covers
from an_cli.report.decide import Decision, Evidence, Rule, State, decide
from an_cli.report.gains import decision
from an_cli.report.latex import spelled_characters
from an_cli.report.machine import json_value
from an_cli.report.output import FILES, render, write
from an_cli.report.quoted import published_table
from an_cli.report.spec import Epoch, Measure, Spec, load_spec
from an_cli.report.table import Column, Direction, Mark, RowStatus, Source, Table, TableCell, TableRow

__all__ = [
    "Bits", "Column", "Comparison", "Cost", "Covers", "Decision", "Direction", "Epoch", "Evidence", "FILES", "Finding",
    "Mark", "Measure", "RowStatus", "Rule", "Source", "Spec", "State", "Table", "TableCell", "TableRow", "audit",
    "build_table", "decide", "decision", "json_value", "load_spec", "make_table", "published_table", "render",
    "spelled_characters", "write",
]  # fmt: skip
