"""`an-cli`: the verbs joined. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.help import Grouped, add_examples
from an_cli.cli.verbs import (
    ablate,
    archive,
    cancel,
    dashboard,
    data,
    diff,
    doctor,
    evaluate,
    figure,
    gc,
    import_weights,
    logs,
    paper,
    plan,
    pull,
    report,
    retry,
    run,
    show,
    smoke,
    status,
    studies,
    sweep,
    sync,
    tag,
    verify,
)

app = typer.Typer(
    name="an-cli",
    cls=Grouped,
    help="Run an ablation study of Attentive Normalization and print a table you can defend.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"an-cli {version('an-cli')}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run an ablation study of Attentive Normalization and print a table you can defend."""


_VERBS = (
    studies.studies,
    plan.plan,
    ablate.ablate,
    sweep.sweep,
    retry.retry,
    smoke.smoke,
    run.run,
    status.status,
    logs.logs,
    cancel.cancel,
    show.show,
    diff.diff,
    tag.tag,
    tag.note,
    evaluate.evaluate,
    import_weights.import_weights,
    pull.pull,
    verify.verify,
    doctor.doctor,
    archive.archive,
    archive.rm,
    gc.gc,
    report.report,
    figure.figure,
    dashboard.dashboard,
    sync.sync,
)
for verb in _VERBS:
    app.command()(verb)
add_examples(app, "")
for name, group in (("data", data.data), ("paper", paper.paper)):
    add_examples(group, name)
    app.add_typer(group)
