"""A snapshot becomes one HTML file: style, script and data inside, nothing loaded from anywhere.

The data is JSON in a script element that no browser runs; `<` is escaped, so that no text can end the element. The
content security policy names the script and the style by their hashes and forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

SCRIPTS = ("dom", "data", "query", "chart", "grid", "studies", "compare", "details", "main")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns=%22http:%2F%2Fwww.w3.org%2F2000%2Fsvg%22 viewBox=%220 0 16 16%22%3E"
    "%3Crect width=%2216%22 height=%2216%22 rx=%223%22 fill=%22%230b62c4%22/%3E"
    "%3Cpath d=%22M3 4c1 6 4 8 10 8%22 fill=%22none%22 stroke=%22white%22 stroke-width=%222%22/%3E%3C/svg%3E"
)


def make_page(data: dict[str, Any], *, at: str, live: bool = False, runs_at: str = "") -> str:
    """The page's HTML. Equal arguments give equal text.

    Args:
        data: see `snapshot`.
        at: when the store was read, as it is shown.
        live: whether the page asks the server that it comes from for newer data.
        runs_at: path of the runs' folder as seen from the file, to link to; empty for none.
    """
    style, script = _asset("style.css"), _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        f"connect-src {chr(39)}{'self' if live else 'none'}{chr(39)}; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "icon": _ICON,
        "style": style,
        "script": script,
        "data": as_data({**data, "at": at, "live": live, "runs_at": runs_at}),
    }
    pieces = _asset("page.html").split("{{")
    return pieces[0] + "".join(parts[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces[1:]))


def as_data(value: object) -> str:
    """JSON that may stand in a script element: ASCII, and no `<`, `>` or `&`."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return (files("an_cli.report.page") / "assets" / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    """One strict script in a scope of its own."""
    return "'use strict';\n{\n" + "\n".join(_asset(f"{name}.js") for name in SCRIPTS) + "}\n"
