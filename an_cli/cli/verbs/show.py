"""`an-cli show`: one run, or the network that a config composes."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.completing import runs
from an_cli.cli.options import HERE, AsJson, StorePath


def show(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|model",
            help="A run's id, the beginning of it, or STUDY/LABEL; or the word model.",
            autocompletion=runs,
        ),
    ],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="With model: what to compose.")
    ] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Print the config as a file that run --config takes.")] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Print a run's config, attempts, result and files; or a composed model's stages, parameters and FLOPs."""
    if yaml and (json or target == "model"):
        raise typer.BadParameter("it prints a run's config, and nothing else", param_hint="--yaml")
    if target == "model":
        _show_model(words or [], json=json)
        return
    if words:
        raise typer.BadParameter(f"{words[0]!r}: a run takes no overrides", param_hint="KEY=VALUE")
    from an_cli.cli.answers import run_value
    from an_cli.cli.find_run import find_run, labels_of
    from an_cli.cli.study import open_store, print_json
    from an_cli.cli.tag import remarks_value
    from an_cli.console.medium import medium
    from an_cli.console.texts import run_text
    from an_cli.store.remarks import Remarks, run_remarks

    opened = open_store(store)
    if yaml:
        from an_cli.cli.answers import config_yaml

        print(config_yaml(find_run(opened, target)), end="")
        return
    run = find_run(opened, target)
    value = run_value(run, labels_of(opened).get(run.id, []))
    value |= remarks_value(run_remarks(opened).get(run.id, Remarks()))
    if json:
        print_json(value)
    else:
        print(run_text(value, medium()), end="")


def _show_model(words: list[str], *, json: bool) -> None:
    from an_cli.cli.study import print_json
    from an_cli.config import compose, plain
    from an_cli.console.medium import medium
    from an_cli.console.texts import model_text
    from an_cli.launch import Door

    answer = Door().ask_about("model", plain(compose(words).cell))
    if json:
        print_json(answer)
    else:
        print(model_text(answer, medium()), end="")
