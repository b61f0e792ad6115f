"""`an-cli doctor`: look at what usually goes wrong, before it does."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath


def doctor(
    write_site: Annotated[
        str | None,
        typer.Option(
            "--write-site", metavar="NAME", help="Write conf/launch/NAME.yaml, the launch group of this cluster."
        ),
    ] = None,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """Check the environment, the disk of the store and the cluster. Exit 1 where something is amiss."""
    from dataclasses import asdict

    from an_cli.cli.study import open_store, print_json
    from an_cli.launch.upkeep import checks as launch_checks
    from an_cli.store import checks as store_checks
    from an_cli.tracking import checks as tracking_checks

    if write_site is not None:
        _write_site(write_site)
        return
    checks = [*store_checks.checks(open_store(store)), *launch_checks.checks(), *tracking_checks.checks()]
    values = [asdict(check) for check in checks]
    if json:
        print_json({"checks": values})
    else:
        from an_cli.console.medium import medium
        from an_cli.console.texts import checks_text

        print(checks_text(values, medium()), end="")
    if any(check.well is False for check in checks):
        raise typer.Exit(1)


def _write_site(name: str) -> None:
    """Write the launch group of this cluster into the working directory."""
    from pathlib import Path

    from an_cli.cli.study import say
    from an_cli.config import search_path
    from an_cli.files import write_atomic
    from an_cli.launch.upkeep.checks import site_text

    if not name.replace("-", "").replace("_", "").isalnum():
        raise typer.BadParameter("use letters, digits, - and _", param_hint="--write-site")
    path = Path("conf") / "launch" / f"{name}.yaml"
    taken = search_path.names("conf", under="launch")
    if name in taken:  # a file of ours that is begun with would stand in its own way
        raise typer.BadParameter(
            f"there is a launch group {name!r}; choose another name than {', '.join(taken)}",
            param_hint="--write-site",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, site_text())
    say(f"wrote {path}; use it with: --on slurm launch={name}")
