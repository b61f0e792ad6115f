"""`an-cli tag` and `an-cli note`: what the user says of runs and studies."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import studies_and_runs
from an_cli.cli.options import HERE, AsJson, StorePath

_TARGET = "A study, a run's id or the beginning of it, its name, or STUDY/LABEL."


def tag(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|STUDY]... [+TAG]...", help=f"{_TARGET} +TAG adds a tag.", autocompletion=studies_and_runs
        ),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", "-r", metavar="TAG", help="Take a tag away.", show_default=False)
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name the run; a name of yours alone finds it again.")
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Tag runs or studies, or name a run; without a tag, list them. `status --tag TAG` lists those that have it."""
    from an_cli.cli.study import open_store, print_json, say
    from an_cli.cli.tag import remark_values, set_name, tag_all
    from an_cli.report.formats.wording import clean

    opened = open_store(store)
    targets = [word for word in words or [] if not word.startswith("+")]
    added = [word.removeprefix("+") for word in words or [] if word.startswith("+")]
    if (added or remove or name is not None) and not targets:
        raise typer.BadParameter("name a run or a study first", param_hint="RUN")
    if name is not None:
        if len(targets) != 1:
            raise typer.BadParameter("it names a single run", param_hint="--name")
        set_name(opened, targets[0], name)
    tag_all(opened, targets, added, remove or [])
    values = remark_values(opened, targets)
    if json:
        print_json({"remarks": values})
        return
    if not any(value["tags"] or value["name"] for value in values):
        say("no tags")
    for value in values:
        words = [value["label"], value["name"], *(f"+{word}" for word in value["tags"])]
        print(clean("  ".join(filter(None, words))))


def note(
    target: Annotated[
        str, typer.Argument(metavar="RUN|STUDY", help=_TARGET, autocompletion=studies_and_runs, show_default=False)
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to note; without it, print the notes.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the notes so far.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Note a sentence beside a run or a study, or print what was noted."""
    from an_cli.cli.study import open_store, print_json, say
    from an_cli.cli.tag import add_note, remark_values
    from an_cli.report.formats.wording import clean

    opened = open_store(store)
    add_note(opened, target, text, clear=clear)
    (value,) = remark_values(opened, [target])
    if json:
        print_json(value)
        return
    if not value["notes"]:
        say(f"no notes on {target}")
    for entry in value["notes"]:
        print(clean(f"{entry['at']} {entry['by']}: {entry['text']}"))
