"""Grid studies that a command line describes, written as study files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from an_cli.config import Composer, search_path
from an_cli.errors import StoreError, StudyError
from an_cli.files import dump_yaml, write_atomic
from an_cli.plan.rows import grid_rows
from an_cli.plan.study import Study, parse_science, study_of


def plan_grid(name: str, overrides: Sequence[str]) -> tuple[Study, str]:
    """The grid study that `ablate --as NAME KEY=a,b ...` describes, and the text of its file; nothing is written.

    Args:
        name: the new study's name.
        overrides: words with one value become the base, with several a factor of the grid, `seed=` the seeds.

    Raises:
        StudyError: a bad name, nothing that varies, or a different study of that name.
        ConfigError: a point of the grid that does not compose.
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise StudyError(f"{name!r} cannot name a study", where="--as", now="use letters, digits, - and _")
    words = parse_science(overrides, f"--as {name}")
    grid = {word.key: list(word.values) for word in words if len(word.values) > 1 and word.key != "seed"}
    seeds = next((list(word.values) for word in words if word.key == "seed"), [0])
    if not grid and len(seeds) < 2:
        raise StudyError("nothing varies", where=f"--as {name}", now="give at least one KEY=a,b, or seed=0,1,2")
    base = [word.text for word in words if len(word.values) == 1 and word.key != "seed"]
    command = " ".join(["an-cli ablate --as", name, *overrides])
    content: dict[str, Any] = {"title": f"Grid over {', '.join(grid)}", "base": base, "seeds": seeds, "grid": grid}
    if not grid:  # one configuration with several seeds
        rows = [{"label": name, "baseline": True}]
        content = {"title": f"{name}, {len(seeds)} seeds", "base": base, "seeds": seeds, "rows": rows}
    text = f"# Written by: {command}\n{dump_yaml(content)}"
    path = Path.cwd() / "sweeps" / f"{name}.yaml"
    for taken in (path, search_path.shipped("sweeps") / path.name):
        if taken.exists() and (taken != path or path.read_text(encoding="utf-8") != text):
            raise StudyError(
                f"study {name!r} exists and differs", where=str(taken), now=f"an-cli ablate {name}, or another name"
            )
    if not path.exists():
        _compose_all(base, grid, name)
    return study_of(name, content, path), text


def write_grid(name: str, overrides: Sequence[str]) -> Study:
    """Write the study of `plan_grid` to `sweeps/NAME.yaml`, so that the command, or the name, can be given again.

    Raises:
        StudyError, ConfigError: see `plan_grid`; or the file cannot be written.
    """
    study, text = plan_grid(name, overrides)
    if not study.source.exists():
        try:
            study.source.parent.mkdir(exist_ok=True)
            write_atomic(study.source, text)
        except (OSError, StoreError) as error:
            raise StudyError(
                f"cannot write the study: {error.strerror if isinstance(error, OSError) else error.what}",
                where=str(study.source),
                now="give the command in a folder that you may write to",
            ) from error
    return study


def _compose_all(base: Sequence[str], grid: Mapping[str, Any], name: str) -> None:
    """Compose every point once, so that a misspelled word leaves no file in the way of the corrected command."""
    composer = Composer()
    for words in [row.set for row in grid_rows(grid, f"--as {name}")] if grid else [()]:
        composer.compose([*base, *words])
