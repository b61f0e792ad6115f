"""What a shell offers on Tab: studies, config groups and keys with their choices, run ids.

Nothing is composed: groups are the files of conf/, choices come from the types, other values are those that some file
of conf/ gives.
"""

from __future__ import annotations

import os
from pathlib import Path

import typer


def studies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of studies."""
    from an_cli.config import search_path

    return search_path.names("sweeps")


def studies_and_overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """A study first, then overrides."""
    return overrides(ctx, incomplete) if ctx.params.get("words") else studies(ctx, incomplete)


def overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """`GROUP=NAME` and `KEY=VALUE`; keys of a group once its dot is typed, because there are many."""
    from an_cli.cli.legal import group_words, key_words

    keys = key_words()
    if "=" in incomplete or "." in incomplete:
        return [*group_words(), *keys]
    named = [(word, word.partition("=")[0].partition(".")) for word in keys]
    return [*group_words(), *dict.fromkeys(f"{group}." if dot else word for word, (group, dot, _) in named)]


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of runs, and their links once a slash is typed."""
    from an_cli.cli.find_run import links
    from an_cli.files import subfolders
    from an_cli.store import Store

    store = Store(_store(ctx))
    if "/" in incomplete:
        return list(links(store))
    return [*store.run_ids(), *(f"{study}/" for study in subfolders(store.studies))]


def studies_and_runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Either of both."""
    return [*studies(ctx, incomplete), *runs(ctx, incomplete)]


def _store(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("store") or os.environ.get("AN_CLI_STORE") or ".")
