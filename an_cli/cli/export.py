"""From a search to a table: its best choice as a study of rows, one factor at a time around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from an_cli.cli.search_status import best_trials
from an_cli.cli.searching import AskedSearch
from an_cli.config import search_path
from an_cli.config.overrides import spell
from an_cli.errors import StoreError, StudyError
from an_cli.files import dump_yaml, write_atomic
from an_cli.plan.space import CategoricalParameter, Params
from an_cli.plan.study import study_of


def export_best(asked: AskedSearch, which: str, name: str) -> Path:
    """Write `sweeps/NAME.yaml`: the best choice as the baseline, and a row for each other value of a factor of it.

    Factors with few values give a row each; a number gives the ends of its range. `ablate NAME` runs them.

    Args:
        asked: the search.
        which: "best".
        name: of the new study.

    Returns:
        The file.

    Raises:
        StudyError: another word than best, no finished trial, several winners, or a different study of that name.
    """
    if which != "best":
        raise StudyError(f"{which!r} cannot be exported", where="--export", now="write --export best NAME")
    best = best_trials(asked, asked.trials())
    if len(best) != 1:
        what = f"{len(best)} trials are on the front" if best else "no trial has finished"
        raise StudyError(what, where=asked.name, now="a study of your own may take any of them: an-cli report")
    content = _study(asked, best[0].params, best[0].number)
    text = (
        f"# Written by: an-cli sweep {asked.name} --export best {name} (trial {best[0].number})\n{dump_yaml(content)}"
    )
    path = Path.cwd() / "sweeps" / f"{name}.yaml"
    for taken in (path, search_path.shipped("sweeps") / path.name):
        if taken.exists() and (taken != path or taken.read_text(encoding="utf-8") != text):
            raise StudyError(f"study {name!r} exists and differs", where=str(taken), now="give another name")
    study_of(name, content, path)  # a bad name or row is said before the file is there
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, text)
    except (OSError, StoreError) as error:
        raise StudyError(f"cannot write the study: {error}", where=str(path)) from error
    return path


def _study(asked: AskedSearch, params: Params, number: int) -> dict[str, Any]:
    study, space = asked.candidates.study, asked.candidates.space
    seeds = asked.candidates.search.report_seeds or study.seeds
    rows: list[dict[str, Any]] = [{"label": "best", "baseline": True}]
    for key, parameter in space.parameters.items():
        if space.names(key)[0] not in params or parameter.when:
            continue
        value = space.value(key, params)
        ends = parameter.choices if isinstance(parameter, CategoricalParameter) else (parameter.low, parameter.high)
        others = [end for end in ends if end != value]
        if isinstance(value, list):
            others = [[end] * len(value) for end in ends if [end] * len(value) != value]
        rows += [{"label": f"{key.rpartition('.')[2]}={_text(other)}", "set": [spell(key, other)]} for other in others]
    return {
        "title": f"Around trial {number} of {asked.name}",
        "base": [*study.base, *space.words(params)],
        "seeds": [*seeds],
        "rows": rows,
    }


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
