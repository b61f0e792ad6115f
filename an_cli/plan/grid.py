"""Grid studies that a command line describes, written as study files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from an_cli.config.overrides import parse
from an_cli.errors import StudyError
from an_cli.files import dump_yaml, write_atomic


def write_grid(name: str, overrides: Sequence[str]) -> Path:
    """Write the grid study that `ablate --as NAME KEY=a,b ...` describes to `sweeps/NAME.yaml`.

    Args:
        name: the new study's name.
        overrides: words with one value become the base, with several a factor of the grid, `seed=` the seeds.

    Returns:
        The file. A file with the same content is left alone, so that the command can be given again.

    Raises:
        StudyError: a bad name, nothing that varies, or a different study of that name.
    """
    if not name.replace("_", "").replace("-", "").isalnum():
        raise StudyError(f"{name!r} cannot name a study", where="--as", now="use letters, digits, - and _")
    words = [parse(text) for text in overrides]
    grid = {word.key: list(word.values) for word in words if len(word.values) > 1 and word.key != "seed"}
    seeds = next((list(word.values) for word in words if word.key == "seed"), [0])
    if not grid:
        raise StudyError("nothing varies", where=f"--as {name}", now="give at least one KEY=a,b")
    base = [word.text for word in words if len(word.values) == 1 and word.key != "seed"]
    command = " ".join(["an-cli ablate --as", name, *overrides])
    study = {"title": f"Grid over {', '.join(grid)}", "base": base, "seeds": seeds, "grid": grid}
    text = f"# Written by: {command}\n{dump_yaml(study)}"
    path = Path.cwd() / "sweeps" / f"{name}.yaml"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise StudyError(
            f"study {name!r} exists and differs", where=str(path), now=f"an-cli ablate {name}, or another name"
        )
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, text)
    return path
