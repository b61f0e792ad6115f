"""2,000 labels of random ASCII, Latin-1 and Greek compile: `python -m tests.checks.fuzz_latex [--labels N]`.

Each is a row's label and a footnote of a real table. pdflatex stops at the first error; a character that the font does
not have is a failure too.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from an_cli.report import render
from tests.report.tables import hostile_table

PREAMBLE = r"\documentclass{article}\usepackage{booktabs,tabularx,amsmath,lmodern}\usepackage[T1]{fontenc}"
ALPHABETS = (range(0x20, 0x7F), range(0xA0, 0x100), range(0x370, 0x400))
PIECES = (
    r"\input{x}",
    "K=(5,5,10,10)",
    "--",
    "``",
    "$x_1$",
    "%",
    r"\\",
    "^^M",
    "{",
    "}",
    "[",
    "*",
    "&",
    "\t",
    "\u6f22",
)
ROWS = 40  # of one table: LaTeX floats do not break


def fuzzed(count: int, seed: int) -> list[str]:
    """Different random labels; the first ones hold every character of every alphabet."""
    drawn = random.Random(seed)
    every = [chr(code) for codes in ALPHABETS for code in codes]
    found = dict.fromkeys(f"{index}: {''.join(every[index : index + 12])}" for index in range(0, len(every), 12))
    while len(found) < count:
        chars = [chr(drawn.choice(drawn.choice(ALPHABETS))) for _ in range(drawn.randrange(1, 24))]
        for _ in range(drawn.randrange(3)):
            chars.insert(drawn.randrange(len(chars) + 1), drawn.choice(PIECES))
        found["".join(chars)] = None
    return list(found)[:count]


def document(labels: list[str]) -> str:
    """Tables whose labels, captions and footnotes these are."""
    tables = [hostile_table(labels[start : start + ROWS]) for start in range(0, len(labels), ROWS)]
    return "\n".join(render(table, "latex") + r"\clearpage" for table in tables)


def compile_tex(body: str, folder: Path, preamble: str = PREAMBLE) -> str:
    """Compile to `paper.pdf`; what the compiler said.

    Raises:
        AssertionError: it failed.
    """
    (folder / "paper.tex").write_text(rf"{preamble}\begin{{document}}{body}\end{{document}}", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return (folder / "paper.log").read_text(errors="replace")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        said = compile_tex(document(fuzzed(asked.labels, asked.seed)), Path(folder))
        size = (Path(folder) / "paper.pdf").stat().st_size
    missing = said.count("Missing character")
    print(f"{asked.labels} labels compile to a PDF of {size:,} bytes; {missing} characters are missing from the font")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
