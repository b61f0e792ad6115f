"""Every format of a table, proven by one contract."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter

from an_cli.report.formats import output
from tests.report.renderer_contract import RendererContract
from tests.report.tables import Markup

EXACT = ("10.25", "0.433", "78123", "12345678", "-0.25")


class TestMarkdown(RendererContract):
    format, ending = "markdown", "md"
    best, tied = r"\*\*([.\d]+)\*\*", r"<u>([.\d]+)</u>"

    def structure(self, text: str) -> object:
        """Bars of each line of the table."""
        return [line.replace(r"\|", "").count("|") for line in text.splitlines() if line[:1] == "|"]


class TestLatex(RendererContract):
    format, ending = "latex", "tex"
    best, tied = r"\\textbf\{([.\d]+)\}", r"\\underline\{([.\d]+)\}"

    def structure(self, text: str) -> object:
        """Its rows and their cells, and every command that reaches beyond a cell."""
        bare = re.sub(r"\\[&%$#_{}]", "", text)
        rows = [line.count("&") for line in bare.splitlines() if line.endswith(r"\\")]
        assert bare.count("{") == bare.count("}")
        return rows, Counter(re.findall(r"\\(?:begin|end|input|caption|label|multicolumn)\b", bare))


class TestHtml(RendererContract):
    format, ending = "html", "html"
    best, tied = r"<b>([.\d]+)</b>", r"<u>([.\d]+)</u>"

    def structure(self, text: str) -> object:
        """Its elements and attributes, and the cells of each row."""
        markup = Markup(text)
        return markup.elements, markup.attributes, [len(row) for row in markup.rows]


class TestTerminal(RendererContract):
    format, ending, written = "terminal", "txt", False
    best, tied = r"([.\d]+)\*", r"([.\d]+)~"

    def structure(self, text: str) -> object:
        """The last cells of each line between the rules: a row is one line."""
        body = re.split(r"\u2500{5,}\n", text)[1]
        return [line.split()[-7:] for line in body.splitlines() if line]


class TestCsv(RendererContract):
    format, ending, explained, verbatim = "csv", "csv", False, True
    best, tied, numbers = "best", "tied", EXACT

    def marked(self, pattern: str, text: str) -> list[float]:
        """Means of the cells with a mark of this name."""
        keys = ("top1_error_pct", "top5_error_pct")
        cells = [
            (line[f"{key}_mean"], line[f"{key}_marks"]) for line in csv.DictReader(io.StringIO(text)) for key in keys
        ]
        return [round(float(mean), 6) for mean, marks in cells if pattern in marks.split("; ")]

    def labels(self, text: str) -> list[str]:
        """As a program reads them."""
        return [line["label"] for line in _csv(text)]

    def structure(self, text: str) -> object:
        """The number of cells of each line."""
        return [len(line) for line in csv.reader(io.StringIO(text, newline=""), strict=True)]


class TestJson(RendererContract):
    format, ending, verbatim = "json", "json", True
    best, tied, numbers = "best", "tied", EXACT

    def marked(self, pattern: str, text: str) -> list[float]:
        """Means of the cells with a mark of this name."""
        cells = [row[key] for row in json.loads(text)["rows"] for key in ("top1_error_pct", "top5_error_pct")]
        return [round(cell["mean"], 6) for cell in cells if pattern in cell["marks"]]

    def labels(self, text: str) -> list[str]:
        """As a program reads them."""
        return [row["label"] for row in json.loads(text)["rows"]]

    def structure(self, text: str) -> object:
        """Its keys, in order, down to those of the cells."""
        value = json.loads(text)
        return [*value], [[(key, type(cell).__name__) for key, cell in row.items()] for row in value["rows"]]


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_format_has_its_contract() -> None:
    proven = {kind.format: kind.ending for kind in RendererContract.__subclasses__()}
    assert proven == output._ENDINGS
    assert {kind.format for kind in RendererContract.__subclasses__() if kind.written} == set(output.FILES)
