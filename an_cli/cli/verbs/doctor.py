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
    from pathlib import Path

    from an_cli.cli.study import open_store, print_json, say
    from an_cli.config import search_path
    from an_cli.files import write_atomic
    from an_cli.launch.upkeep import checks as launch_checks
    from an_cli.store import checks as store_checks
    from an_cli.tracking import checks as tracking_checks

    if write_site is not None:
        if not write_site.replace("-", "").replace("_", "").isalnum():
            raise typer.BadParameter("use letters, digits, - and _", param_hint="--write-site")
        path = Path("conf") / "launch" / f"{write_site}.yaml"
        taken = search_path.names("conf", under="launch")
        if write_site in taken:  # a file of ours that is begun with would stand in its own way
            raise typer.BadParameter(
                f"there is a launch group {write_site!r}; choose another name than {', '.join(taken)}",
                param_hint="--write-site",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, launch_checks.site_text())
        say(f"wrote {path}; use it with: --on slurm launch={write_site}")
        return
    checks = [*store_checks.checks(open_store(store)), *launch_checks.checks(), *tracking_checks.checks()]
    if json:
        print_json({"checks": [asdict(check) for check in checks]})
    else:
        from an_cli.console.columns import prose
        from an_cli.console.medium import medium

        on = medium()
        marks = {True: "ok", False: "amiss", None: "-"}
        for check in checks:
            line = f"{marks[check.well]:>5}  {check.name}: {check.found}" + (f" -> {check.now}" if check.now else "")
            print(prose(line, on, later="       ", style="red" if check.well is False else ""), end="")
    if any(check.well is False for check in checks):
        raise typer.Exit(1)
