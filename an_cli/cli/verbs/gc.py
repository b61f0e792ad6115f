"""`an-cli gc`: what the store can do without."""

from __future__ import annotations

from typing import Annotated

import typer

from an_cli.cli.options import HERE, AsJson, StorePath


def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove what is listed. Without it nothing is changed.")
    ] = False,
    weights: Annotated[
        bool,
        typer.Option("--strip", help="Finished runs too: they keep their weights and lose the optimizer's state."),
    ] = False,
    json: AsJson = False,
    store: StorePath = HERE,
) -> None:
    """List what can go: submissions that are over, counts of other code, files never finished. No result is touched."""
    from an_cli.cli.study import open_store, print_json
    from an_cli.launch.upkeep.gc import find_strippable, find_waste, remove, strip

    opened = open_store(store)
    waste = find_waste(opened)
    freed = remove(waste) if delete else 0
    stripped, left = strip(opened) if delete and weights else (0, [])
    whole, inside = find_strippable(opened) if weights and not delete else (0, 0)
    if json:
        items = [{"path": str(item.path), "why": item.why, "bytes": item.size} for item in waste]
        print_json({"items": items, "deleted": delete, "freed": freed + stripped, "left": left, "strippable": inside})
        return
    for item in waste:
        print(f"{item.size:>12,}  {item.path.relative_to(opened.root)}  {item.why}")
    for problem in left:
        print(f"left as it is: {problem}")
    if whole:
        print(f"{inside:>12,}  about, in {whole} finished runs  the optimizer's state, which their numbers do not need")
    total = sum(item.size for item in waste) + inside
    print(f"freed {freed + stripped:,} bytes" if delete else f"{total:,} bytes can go; --delete removes them")
