"""`data`: shards are built, and what lies in a folder is looked at."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from an_cli.data.dataset import pair_fingerprint
from an_cli.data.prepare import prepare
from an_cli.data.shards import ShardedSplit
from an_cli.data.verify import verify
from an_cli.worker.answering import Request


def data(request: Request) -> Mapping[str, object]:
    """Answer `{"do": "prepare", "source", "target", "shards"}` or `{"do": "verify", "path", "decode"}`."""
    if request["do"] == "prepare":
        done = prepare(Path(request["source"]), Path(request["target"]), shards=request["shards"], say=_say)
        splits = {"train": _split(done.train), "eval": _split(done.eval)}
        fingerprint = pair_fingerprint(done.train.listing.fingerprint, done.eval.listing.fingerprint)
        return {"written": done.written, "kept": done.kept, "fingerprint": fingerprint, **splits}
    verified = verify(Path(request["path"]), decode_all=request["decode"], say=_say)
    return {"fingerprint": pair_fingerprint(verified.train.fingerprint, verified.eval.fingerprint), **asdict(verified)}


def _split(split: ShardedSplit) -> dict[str, object]:
    return {
        "samples": len(split.listing),
        "bytes": int(split.lengths.sum()),
        "shards": split.shards,
        "fingerprint": split.listing.fingerprint,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
