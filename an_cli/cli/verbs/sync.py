"""`an-cli sync`: mirror what runs have recorded to W&B or TensorBoard."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import studies_and_runs
from an_cli.cli.options import HERE, AsJson, StorePath


def sync(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STUDY|RUN]... [launch.KEY=VALUE]...",
            help="Studies, runs, launch.wandb.project=NAME, launch.tracking=tensorboard. Without a name: all runs.",
            show_default=False,
            autocompletion=studies_and_runs,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent; send nothing.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow runs that are going, until they have ended or Ctrl-C.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send everything, whatever was sent: into a project that is empty now.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Also save the study's table and curves as a report in W&B.")
    ] = False,
    at_once: Annotated[int, typer.Option("--at-once", metavar="N", min=1, max=64, help="Runs at a time.")] = 4,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Mirror what runs have recorded to W&B, or to TensorBoard. What was sent is not sent twice.

    Exits 3 when some runs could not be sent, 1 when none could.
    """
    from an_cli.cli.saved_view import save_study
    from an_cli.cli.study import open_store, print_json, say, split
    from an_cli.cli.sync import send, sync_items, where_to
    from an_cli.console.sending import SENT, sending_view, sync_text

    opened = open_store(store)
    items = sync_items(words or [], opened, again=again)
    states = {item.order.run.id: item.state for item in items}
    if dry_run:
        ends = {}
    else:
        due = [item for item in items if states[item.order.run.id] == "due" or watch]
        try:
            with sending_view({item.order.run.id: item.label for item in due}, quiet=json) as tell:
                ends = send(due, opened, at_once=at_once, watch=watch, tell=tell) if due else {}
        except KeyboardInterrupt:
            say("stopped; the same command sends the rest")
            raise typer.Exit(130) from None
    outcomes = [
        {
            "id": item.order.run.id,
            "label": item.label,
            "state": states[item.order.run.id],
            **ends.get(item.order.run.id, {}),
        }
        for item in items
    ]
    saved = save_study(split(words or [])[1], items[0].order.launch, opened) if report and items and not dry_run else ""
    if json:
        print_json({"destinations": where_to(items), "runs": outcomes, **({"report": saved} if report else {})})
    else:
        print(sync_text(outcomes, where_to(items), dry_run=dry_run), end="")
        print(f"report: {saved}\n" if saved else "", end="")
    failed = [outcome for outcome in outcomes if outcome["state"] not in SENT and not dry_run]
    if failed:
        raise typer.Exit(1 if len(failed) == len(ends) else 3)
