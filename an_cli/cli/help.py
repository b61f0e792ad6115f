"""How help is laid out: verbs in groups, a summary that is never cut, an example of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperGroup

RUN, LOOK, TABLES, STORE, DATA = "Plan and run", "Look", "Tables and figures", "Keep order", "Data and weights"

# The longest summary that fits beside the longest name on a terminal of 80 columns.
LONGEST = 57

SUMMARIES: Mapping[str, tuple[str, str]] = {
    "studies": (RUN, "List the studies that can be named here"),
    "plan": (RUN, "Print the rows and cells of a study; start nothing"),
    "ablate": (RUN, "Run what a study still needs and print its table"),
    "sweep": (RUN, "Search a space of designs, and report the best"),
    "retry": (RUN, "Run also the cells that failed too often"),
    "smoke": (RUN, "Try every cell of a study for two steps"),
    "run": (RUN, "Run one cell in the foreground"),
    "cancel": (RUN, "Tell runs to save and stop"),
    "status": (LOOK, "Print how far runs are"),
    "logs": (LOOK, "Print what a run printed"),
    "show": (LOOK, "Print a run, its config as YAML, or a model"),
    "diff": (LOOK, "Print two runs beside each other and what differs"),
    "dashboard": (LOOK, "Show the store as one page, or serve it live"),
    "sync": (LOOK, "Mirror records to W&B or TensorBoard"),
    "report": (TABLES, "Print a study's table and write it"),
    "figure": (TABLES, "Draw Figure 1, curves, or what the attention learned"),
    "paper": (TABLES, "The paper's printed tables, and whether they agree"),
    "tag": (STORE, "Tag runs or studies, or name a run"),
    "note": (STORE, "Note a sentence beside a run or a study"),
    "archive": (STORE, "Put runs away, out of status and tables; or back"),
    "rm": (STORE, "Remove runs for ever, and say what names them"),
    "gc": (STORE, "List what the store can do without; no result"),
    "verify": (STORE, "Look for changed bytes in what runs have written"),
    "doctor": (STORE, "Check the environment, the disk and the cluster"),
    "data": (DATA, "Data sets of image files: shards, and checks"),
    "pull": (DATA, "Take runs that were logged to W&B elsewhere, to quote"),
    "evaluate": (DATA, "Evaluate the weights of a run or of a file"),
    "import-weights": (DATA, "Take weights that were trained elsewhere"),
}

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "studies": ("an-cli studies",),
    "plan": ("an-cli plan demo", "an-cli plan table1 recipe.epochs=90 seed=0,1,2"),
    "ablate": (
        "an-cli ablate demo",
        "an-cli ablate table1 --on slurm --detach launch.partition=gpu",
        "an-cli ablate --as rates recipe=demo model=resnet_small recipe.lr=0.1,0.2 seed=0,1",
    ),
    "sweep": (
        "an-cli sweep attention_demo",
        "an-cli sweep k_schedule --on slurm --workers 8",
        "an-cli sweep attention_demo --export best around_best",
    ),
    "retry": ("an-cli retry table1 --on slurm",),
    "smoke": ("an-cli smoke table1",),
    "run": (
        "an-cli run model=resnet_small recipe=demo data=fashion_mnist_small --name try",
        "an-cli run --config try.yaml seed=1",
    ),
    "cancel": ("an-cli cancel table1",),
    "status": ("an-cli status demo --watch", "an-cli status --tag paper"),
    "logs": ("an-cli logs demo/seed=0 --follow",),
    "show": (
        "an-cli show demo/seed=0",
        "an-cli show demo/seed=0 --yaml > try.yaml",
        "an-cli show model norm=an_bn model=resnet50",
    ),
    "diff": ("an-cli diff demo/seed=0 demo/gate=softmax,seed=0",),
    "dashboard": ("an-cli dashboard --out page.html", "an-cli dashboard --serve"),
    "sync": (
        "an-cli sync demo launch.wandb.project=ablations",
        "an-cli sync table1 --report",
        "an-cli sync --watch",
        "an-cli sync table1 launch.tracking=tensorboard",
    ),
    "report": (
        "an-cli report demo --format latex",
        "an-cli report demo --power",
        "an-cli report demo --format csv --per-seed > demo.csv",
    ),
    "figure": (
        "an-cli figure curves demo",
        "an-cli figure mixture demo/seed=0",
        "an-cli figure tradeoff demo --against recipe.lr --measure top1_accuracy_pct",
    ),
    "paper audit": ("an-cli paper audit",),
    "paper show": ("an-cli paper show table1",),
    "tag": ("an-cli tag demo/seed=0 +paper", "an-cli tag demo/seed=0 --remove paper"),
    "note": ('an-cli note demo "first try, before the fix"',),
    "archive": ("an-cli archive demo --yes", "an-cli archive --back demo --yes"),
    "rm": ("an-cli rm --failed", "an-cli rm demo/seed=0 --yes"),
    "gc": ("an-cli gc", "an-cli gc --delete"),
    "verify": ("an-cli verify demo",),
    "doctor": ("an-cli doctor",),
    "data prepare": ("an-cli data prepare /data/imagenet /nfs/imagenet",),
    "data verify": ("an-cli data verify /nfs/imagenet",),
    "evaluate": ("an-cli evaluate demo/seed=0",),
    "pull": (
        "an-cli pull lab/resnets --again",
        "an-cli pull lab/resnets --filter group=vanilla --filter 'config.seed<3' --dry-run",
    ),
    "import-weights": ("an-cli import-weights resnet50.pth --model resnet50 --norm an_bn",),
}


class Grouped(TyperGroup):
    """Verbs under the titles of their groups, in the order of `SUMMARIES`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in [name for name in SUMMARIES if name in self.commands]:
            title, summary = SUMMARIES[name]
            groups.setdefault(title, []).append((name, summary))
        widest = max(map(len, self.commands))
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), summary) for name, summary in rows])


def epilog(name: str) -> str:
    """The examples of a verb, each on a line of its own."""
    examples = EXAMPLES[name]
    title = "Example" if len(examples) == 1 else "Examples"
    return "\b\n" + "\n".join([f"{title}:", *(f"  {example}" for example in examples)])


def add_examples(group: typer.Typer, name: str) -> None:
    """Give every command of a group its examples."""
    for command in group.registered_commands:
        callback = command.name or (command.callback.__name__ if command.callback else "")
        command.epilog = epilog(f"{name} {callback}".strip().replace("_", "-"))
