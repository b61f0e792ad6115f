"""How figures look and become bytes: one palette, fixed metadata, no global state.

Colors are those of Okabe and Ito, which readers with any of the common color-vision deficiencies tell apart; methods
also differ in marker and line style, so that a figure survives a black-and-white printer.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import matplotlib
from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)))
GRAY = "#5F6368"
COLUMN_IN, PAGE_IN = 3.4, 7.0  # widths of a column and of a page in the usual two-column papers, in inches
_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the bytes do not depend on the machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GRAY,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E5E8",
    "grid.linewidth": 0.5,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.3,
    "text.parse_math": False,  # labels are the user's; a dollar is a dollar
    "svg.hashsalt": "an-cli",
    "pdf.fonttype": 42,  # text stays text
}
_FALLBACKS = (
    *(
        "Noto Sans CJK JP",
        "Noto Sans CJK SC",
        "Noto Sans CJK KR",
        "Source Han Sans",
        "WenQuanYi Zen Hei",
        "IPAexGothic",
    ),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Emoji", "Symbola", "FreeSans", "Unifont"),
)
# No dates and no versions: equal data gives equal bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": "an-cli", "Producer": "an-cli"},
    "svg": {"Date": None, "Creator": "an-cli"},
    "png": {"Software": "an-cli"},
}


class FigureFormat(StrEnum):
    """What a figure can be saved as."""

    PDF = "pdf"
    SVG = "svg"
    PNG = "png"


@contextmanager
def styled() -> Iterator[None]:
    """The house style inside, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)  # type: ignore[arg-type]
        yield


def draw_bytes(
    draw: Callable[[], Figure], format: FigureFormat, tell: Callable[[str], None] = lambda text: None
) -> bytes:
    """Draw a figure in the house style.

    Where the font that comes with matplotlib lacks a character of a label, fonts of this machine are asked as well.

    Args:
        draw: makes the figure; called inside the style.
        format: of the bytes.
        tell: told of characters that no font here has, and that are boxes now.
    """
    raw, lacking = _draw(draw, format, ())
    if lacking and (others := _other_fonts()):
        raw, lacking = _draw(draw, format, others)
    if lacking:
        tell(f"no font here has {', '.join(map(repr, lacking))}: drawn as boxes; install one, such as fonts-noto-cjk")
    return raw


def _draw(draw: Callable[[], Figure], format: FigureFormat, fonts: tuple[str, ...]) -> tuple[bytes, list[str]]:
    """The bytes, and the characters that none of the fonts has."""
    buffer = io.BytesIO()
    with styled(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if fonts:
            matplotlib.rcParams["font.family"] = [_RC["font.family"], *fonts]
        draw().savefig(buffer, format=str(format), dpi=200, bbox_inches="tight", metadata=_METADATA[format])
    matches = [re.match(r"Glyph (\d+) ", str(warning.message)) for warning in caught]
    return buffer.getvalue(), list(dict.fromkeys(chr(int(match[1])) for match in matches if match))


def _other_fonts() -> tuple[str, ...]:
    from matplotlib import font_manager

    here = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in _FALLBACKS if name in here)
