"""How `sync` looks: a bar while runs are sent, and what came of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from an_cli.console.columns import align, prose
from an_cli.console.medium import medium

SENT = ("sent", "same", "none", "busy")  # states of runs with which nothing is wrong
_WORDS = {
    "sent": "sent",
    "same": "already sent",
    "none": "has no attempt",
    "busy": "another mirror sends it",
    "due": "to be sent",
    "failed": "not sent",
}


@contextmanager
def sending_view(labels: Mapping[str, str], *, quiet: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A bar on a terminal, a line per failure elsewhere.

    Args:
        labels: run id -> name for people, of what is due.
        quiet: show nothing: the result is JSON.

    Yields:
        What to call with each event.
    """
    if quiet or not labels:
        yield lambda event: None
        return
    if not sys.stderr.isatty():
        yield lambda event: _tell_failure(labels, event)
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, highlight=False)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("sending", total=len(labels))

        def tell(event: Mapping[str, Any]) -> None:
            progress.advance(bar)
            _tell_failure(labels, event)

        yield tell


def _tell_failure(labels: Mapping[str, str], event: Mapping[str, Any]) -> None:
    if event["state"] == "failed":
        name = labels.get(str(event["run"]), event["run"])
        print(f"not sent: {name}: {event.get('error', '')}", file=sys.stderr, flush=True)


def sync_text(runs: Sequence[Mapping[str, Any]], destinations: Sequence[str], *, dry_run: bool) -> str:
    """What was sent, or would be.

    Args:
        runs: a mapping for each, with `id`, `label`, `state` and what the mirror said.
        destinations: where to.
        dry_run: whether nothing was sent.
    """
    on = medium()
    counts = Counter(str(run["state"]) for run in runs)
    sentence = ", ".join(f"{count} {_WORDS.get(state, state)}" for state, count in counts.items()) or "no runs"
    lines = [prose(f"{' and '.join(destinations) or 'nowhere'}: {sentence}", on)]
    if dry_run:
        body = [[_WORDS.get(str(run["state"]), str(run["state"])), str(run["label"]), str(run["id"])] for run in runs]
        lines.insert(0, align(["state", "run", "id"], body, left=(0, 1, 2), on=on, weights={"id": 1}))
    urls = sorted({str(run["url"]).partition("/runs/")[0] for run in runs if run.get("url")})
    return "".join([*lines, *(f"{url}\n" for url in urls)])
