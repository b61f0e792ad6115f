"""Wrong usage as one line of ours: what, where, what now; the library that reads the words says it in several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import typer

from an_cli.cli.help import EXAMPLES, SUMMARIES
from an_cli.errors import UsageError, nearest

# typer does not export the base of all its errors about words; it has been click's, and is typer's own since 0.26.
WrongWords = cast("type[Exception]", typer.BadParameter.__base__)
Aborted = typer.Abort

# Options of other tools -> what is written here.
_MEANT = {
    "--seed": "seeds are words: seed=0,1,2",
    "--seeds": "seeds are words: seed=0,1,2",
    "--epochs": "settings are words: recipe.epochs=30",
    "--lr": "settings are words: recipe.lr=0.1",
    "--batch-size": "settings are words: recipe.batch_per_replica=64",
    "--model": "settings are words: model=resnet50",
    "--data": "settings are words: data=imagenet; where the data lie: launch.data_root=DIR",
    "--gpus": "launch settings are words: launch.gpus_per_node=4",
    "--partition": "launch settings are words: launch.partition=gpu",
    "--slurm": "--on slurm",
    "--force": "what a dry run lists is done with --yes",
    "--resume": "the same command continues what was interrupted",
}
_DELETES = "what it lists is deleted with --delete"
_NUMBERS = {"valid integer": "is no whole number", "valid number": "is no number"}


def usage_error(error: Any, words: Sequence[str]) -> UsageError | None:
    """What was wrong with a command line, in our words.

    Args:
        error: the library's.
        words: the command line, without the program's name.

    Returns:
        None where nothing was asked for and the answer is a page of help.
    """
    kind, context = type(error).__name__, error.ctx
    if kind == "NoArgsIsHelpError":
        return None
    path = context.command_path if context is not None else _path(words)
    help_page = f"see: {path} -h"
    match kind:
        case "NoSuchOption":
            option = str(error.option_name)
            return UsageError(f"no option {option}", where=path, now=_instead_of(option, path, context))
        case "MissingParameter":
            return UsageError(f"{_hint(error)} is missing", where=path, now=_example(path) or help_page)
        case "BadParameter":
            return UsageError(_about_value(error, words), where=f"{path} {_hint(error)}".strip(), now=help_page)
    text = str(error.format_message()).rstrip(".")
    if unknown := re.fullmatch(r"No such command '(.*?)'.*", text):
        verbs = getattr(context.command, "commands", {}) if context is not None else {}
        return UsageError(f"no such verb {unknown[1]!r}", where=path, now=nearest(unknown[1], verbs))
    if extra := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", text):
        return UsageError(f"nothing is known of {extra[1]!r} here", where=path, now=help_page)
    return UsageError(text, where=path, now=help_page)


def _instead_of(option: str, path: str, context: Any) -> str:
    """What to write in place of an option that there is not."""
    there = sorted(_options(context))
    if option == "--force" and "--delete" in there:
        return _DELETES
    takes_words = any("KEY=VALUE" in str(getattr(parameter, "metavar", "")) for parameter in _parameters(context))
    return _MEANT.get(option) or nearest(option, there) + ("; settings are words: KEY=VALUE" if takes_words else "")


def _options(context: Any) -> Iterable[str]:
    for parameter in _parameters(context):
        yield from (word for word in parameter.opts if word.startswith("--"))


def _parameters(context: Any) -> Iterable[Any]:
    return context.command.params if context is not None else ()


def _path(words: Sequence[str]) -> str:
    """The verb that a command line begins with, where the library does not say which it was at."""
    return f"an-cli {words[0]}" if words and words[0] in SUMMARIES else "an-cli"


def _hint(error: Any) -> str:
    """The option or argument that an error is about, as it is typed."""
    if error.param_hint:
        return str(error.param_hint)
    parameter = error.param
    if parameter is None:
        return ""
    options = [word for word in parameter.opts if word.startswith("-")]
    shown = getattr(parameter, "metavar", None) or str(parameter.name).upper()
    return max(options, key=len) if options else str(shown)


def _about_value(error: Any, words: Sequence[str]) -> str:
    """What is wrong with a value, with the value."""
    text = " ".join(str(error.message).split()).removeprefix("Value error, ").rstrip(".")
    number = next((what for sign, what in _NUMBERS.items() if sign in text), "")
    value = _value(words, error.param.opts if error.param is not None else ())
    return f"{value!r} {number}" if number and value else text


def _value(words: Sequence[str], options: Sequence[str]) -> str:
    for place, word in enumerate(words):
        name, given, value = word.partition("=")
        if name in options:
            return value if given else next(iter(words[place + 1 :]), "")
    return ""


def _example(path: str) -> str:
    examples = EXAMPLES.get(path.partition(" ")[2], ())
    return f"for example: {examples[0]}" if examples else ""
