"""Records of runs that were made elsewhere, written by hand."""

from __future__ import annotations

from typing import Any

from an_cli.store.pulled import UNVERIFIED, PulledRun


def pulled(run: str, top1: float = 23.5, **fields: Any) -> PulledRun:
    """A record of a run at ENTITY/PROJECT/ID, finished and without doubts; its best top-1 error is 0.5 lower."""
    given: dict[str, Any] = {
        "imported_from": "wandb", "run": run, "url": f"https://wandb.example/{run}", "name": "theirs", "group": "g",
        "tags": (), "state": "finished", "created_at": "2026-01-01T00:00:00", "config": {"lr": 0.1}, "summary": {},
        "values": {"top1_error_pct": top1, "top5_error_pct": 6.5}, "best": {"top1_error_pct": top1 - 0.5},
        "sources": {"top1_error_pct": "100 - val/acc1"}, "params": 25_560_000, "macs": 4_090_000_000, "cell": "",
        "unverified": UNVERIFIED, "doubts": (), "stamp": ("finished", "now", "10"), "pulled_at": "2026-01-02",
        "host": "login",
    }  # fmt: skip
    return PulledRun(**{**given, **fields})
