"""`an-cli pull`: runs that were logged to W&B elsewhere, as records that a study may quote."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from an_cli.cli.options import HERE, AsJson, StorePath


def pull(
    project: Annotated[str, typer.Argument(metavar="ENTITY/PROJECT", help="A project of W&B.", show_default=False)],
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="KEY=VALUE",
            help="Only such runs: state, name, group, tags, config.KEY or summary_metrics.KEY; with = != > >= < <=, "
            "or ~ and a pattern; or JSON as W&B's API takes it. Finished runs only, unless it names a state.",
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="MEASURE=NAME",
            help="What the runs log as one of our measures, by its key (a wrong one names them all), also as 100-NAME "
            "or 100*NAME. Without it: what an-cli itself logs.",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also runs that have not changed since.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be pulled.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Take runs that were logged to W&B elsewhere into the store, marked as imported, for `imported:` rows of a study.

    What made their numbers cannot be checked here, and every table says so. Giving the command again asks only for what
    is new or has changed. Exit 3 where some runs had none of the metrics.
    """
    from an_cli.cli.ends import PARTIAL
    from an_cli.cli.study import open_store, print_json, say
    from an_cli.tracking.metric_source import parse_source
    from an_cli.tracking.pull import pull as pull_runs
    from an_cli.tracking.run_filter import parse_filters

    sources = [parse_source(text) for text in metrics or ()]
    opened = open_store(store)
    outcome = pull_runs(opened, project, parse_filters(filters or ()), sources, say, again=again, dry_run=dry_run)
    if json:
        print_json(_values(outcome))
    else:
        print(_text(outcome), end="")
    for reference, why in outcome.skipped.items():
        say(f"skipped {reference}: {why}")
    if outcome.skipped:
        raise typer.Exit(PARTIAL)


def _values(outcome: Any) -> dict[str, Any]:
    from an_cli.config import plain

    pulled = [plain(record) for record in outcome.pulled]
    due, skipped = list(outcome.due), dict(outcome.skipped)
    return {"pulled": pulled, "same": list(outcome.same), "due": due, "skipped": skipped}


def _text(outcome: Any) -> str:
    from an_cli.console.medium import medium
    from an_cli.console.texts import pulled_text

    return pulled_text(_values(outcome), medium())
