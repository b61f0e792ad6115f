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
        [study["name"], study["kind"], _size(study), f"{study['done']}/{study['planned']}", clean(study["title"])]
        for study in values
        if not study["error"]
    ]
    heads = ["study", "kind", "rows x seeds", "done", "title"]
    print(align(heads, body, left=(0, 1, 4), on=on, weights={"title": 2, "kind": 1}), end="")
    for study in values:
        if study["error"]:
            print(prose(f"{study['name']}: {clean(study['error'])}", on, later="  ", style="red"), end="")


def _size(study: dict[str, object]) -> str:
    return "" if study["rows"] is None else f"{study['rows']} x {study['seeds']}"
