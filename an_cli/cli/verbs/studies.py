"""`an-cli studies`: every study that can be named here."""

from __future__ import annotations

from an_cli.cli.options import HERE, AsJson, StorePath


def studies(json: AsJson = False, store: StorePath = HERE) -> None:
    """List the studies that can be named here: yours, those that ship, and what the store holds of others."""
    from an_cli.cli.studies import study_values
    from an_cli.cli.study import open_store, print_json
    from an_cli.console.columns import align, prose
    from an_cli.console.medium import medium
    from an_cli.report.formats.wording import clean

    values = study_values(open_store(store))
    if json:
        print_json({"studies": values})
        return
    on = medium()
    body = [
        [one["name"], one["kind"], _size(one), f"{one['done']}/{one['planned']}", clean(one["title"])]
        for one in values
        if not one["error"]
    ]
    heads = ["study", "kind", "rows x seeds", "done", "title"]
    print(align(heads, body, left=(0, 1, 4), on=on, weights={"title": 2, "kind": 1}), end="")
    for one in values:
        if one["error"]:
            print(prose(f"{one['name']}: {clean(one['error'])}", on, later="  ", style="red"), end="")


def _size(one: dict[str, object]) -> str:
    return "" if one["rows"] is None else f"{one['rows']} x {one['seeds']}"
