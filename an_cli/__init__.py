"""an-cli: compose, run and report ablation studies of Attentive Normalization.

`an_cli.load(store)` reads a store's runs as a pandas DataFrame, one row per run.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        from an_cli.report.frame import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
