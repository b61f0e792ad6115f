"""What every format of a table owes: a class of tests that each renderer inherits, with the words of its own marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from an_cli.report import render, write
from an_cli.store import Store
from tests.report.tables import HOSTILE, NOISY, full_table, hostile_table, two_rows

Golden = Callable[[str, object], None]


class RendererContract:
    """Inherit it, and name the format, the ending of its files, and how it marks a number.

    Attributes:
        format: its name for `render`.
        ending: of its files.
        written: whether a table is written in it unless another is asked for.
        best, tied: patterns that give the best numbers of a table, and those that are not told apart from the best.
        numbers: pieces that `full_table` shows.
        explained: whether a footnote says what the marks mean.
        verbatim: whether it is for programs, which get labels as they are.
    """

    format: str
    ending: str
    written = True
    best: str
    tied: str
    numbers: tuple[str, ...] = ("10.25", "0.43", "78.1k", "12.3M", "25.56M", "-0.25")
    explained = True
    verbatim = False

    def structure(self, text: str) -> object:
        """What of a text must not depend on the words in its cells."""
        raise NotImplementedError

    def labels(self, text: str) -> list[str]:
        """The labels of the rows, of a format that is `verbatim`."""
        raise NotImplementedError

    def marked(self, pattern: str, text: str) -> list[float]:
        """Numbers that a pattern gives."""
        return [float(number) for number in re.findall(pattern, text)]

    def test_a_table_with_every_kind_of_row_is_golden(self, golden: Golden) -> None:
        golden(f"report/full.{self.ending}", render(full_table(), self.format))

    def test_equal_tables_give_equal_text_that_ends_its_last_line(self) -> None:
        text = render(full_table(), self.format)
        assert text == render(full_table(), self.format)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")

    def test_what_is_rendered_is_what_is_written(self, tmp_path: Path) -> None:
        (path,) = write(full_table(), Store(tmp_path), [self.format])
        assert path.name == f"full.{self.ending}"
        assert path.read_bytes().decode() == render(full_table(), self.format)
        endings = {path.suffix.removeprefix(".") for path in write(full_table(), Store(tmp_path / "all"))}
        assert (self.ending in endings) is self.written

    def test_it_shows_the_numbers_that_the_others_show(self) -> None:
        text = render(full_table(), self.format)
        assert [number for number in self.numbers if number not in text] == []

    def test_a_row_without_numbers_is_there_and_shows_none(self) -> None:
        text = render(full_table(), self.format)
        assert "softmax" in text
        assert not re.search(r"\b(?:nan|NaN|None|inf|Infinity)\b", text.replace("loss is nan", ""))

    @pytest.mark.parametrize("label", [*HOSTILE, " ".join(HOSTILE)])
    def test_no_label_breaks_out_of_its_cell(self, label: str) -> None:
        hostile, harmless = (render(hostile_table([name]), self.format) for name in (label, "harmless"))
        assert self.structure(hostile) == self.structure(harmless)

    def test_people_see_no_control_character_and_programs_read_labels_as_they_are(self) -> None:
        text = render(hostile_table(HOSTILE), self.format)
        if self.verbatim:
            assert self.labels(text) == ["base", *HOSTILE]
        else:
            assert [char for char in text if not char.isprintable() and char not in "\n"] == []

    def test_the_best_is_marked_and_nothing_as_tied(self) -> None:
        text = render(two_rows(NOISY, tuple(value / 2 for value in NOISY)), self.format)
        assert self.marked(self.best, text) == [10.0, 1.0]
        assert self.marked(self.tied, text) == []
        assert ("Bold (*): the lowest of its group" in text.replace("\\", "")) is self.explained

    def test_what_is_not_told_apart_from_the_best_is_marked_as_tied(self) -> None:
        text = render(two_rows(NOISY, (20.1, 20.0, 19.9, 20.0, 20.05, 19.95)), self.format)
        assert sorted(self.marked(self.tied, text)) == [2.0, 2.0, 20.0, 20.0]
        assert self.marked(self.best, text) == []
        assert ("Underlined (" in text) is self.explained
