"""From a study's cells to a cluster that is ready to be launched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from an_cli.config import LaunchConfig
from an_cli.config.plugins import plugins_of
from an_cli.config.schema import Device
from an_cli.kernels import Missing, prepare
from an_cli.launch.ask.costs import Costs
from an_cli.launch.code.frozen import freeze
from an_cli.launch.slurm.cluster import OnSlurm
from an_cli.launch.slurm.limits import ask_cluster
from an_cli.launch.slurm.observe import Observer
from an_cli.launch.slurm.request import JobSettings
from an_cli.launch.slurm.scheduler import Commands, Scheduler, check_commands
from an_cli.launch.slurm.script import check_path
from an_cli.launch.slurm.watcher import Watcher
from an_cli.plan import Cell
from an_cli.store import Store


def make_cluster(
    cells: Sequence[Cell],
    launch: LaunchConfig,
    store: Store,
    *,
    study: str,
    detach: bool = False,
    reset_budget: bool = False,
    tell: Callable[[str], None] = lambda text: None,
    scheduler: Scheduler | None = None,
) -> OnSlurm:
    """Freeze the code, ask the cluster for its limits, and make the launcher.

    Args:
        cells: of the study.
        launch: settled.
        store: where their runs are.
        study: its name, which people read in the queue.
        detach: leave once everything is submitted.
        reset_budget: submit what ended too often as well.
        tell: says something to the user.
        scheduler: how SLURM is spoken to; None takes this machine's commands.

    Raises:
        LaunchError: this machine has no SLURM, or the store's path is none for sbatch.
        ConfigError: a part of the user's that a cell names is not installed.
        StoreError: the store cannot be written.
    """
    check_path(store.jobs.absolute())
    _compile_kernels(launch, tell)
    if scheduler is None:
        check_commands()
        scheduler = Commands()
    cluster = ask_cluster(scheduler)
    asked = max((cell.config.recipe.cpu_threads or 0 for cell in cells), default=0)
    plugins = {plugin.entry: plugin for cell in cells for plugin in plugins_of(cell.config)}
    terms = JobSettings(
        store=store,
        study=study,
        launch=launch,
        code=freeze(store, plugins.values()),
        threads=asked or max(1, launch.cpus_per_task // launch.pack),
        max_array=cluster.max_array,
        data=tuple(sorted({cell.config.data.folder for cell in cells if cell.config.data.folder})),
    )
    return OnSlurm(
        watcher=Watcher(store, Observer(scheduler), cluster.accounting),
        terms=terms,
        scheduler=scheduler,
        detach=detach,
        reset_budget=reset_budget,
        needs={store.run(cell.id): [store.run(need) for need in cell.depends_on] for cell in cells},
        tell=tell,
    )


def _compile_kernels(launch: LaunchConfig, tell: Callable[[str], None]) -> None:
    """Compile what jobs on CPUs load: in a job, under its time limit, nobody does."""
    if launch.device is Device.CPU:
        try:
            prepare("fp32")
        except Missing as missing:
            tell(f"attentive normalization will run composed, which is slower: no kernels: {missing}")


def longest_first(cells: Sequence[Cell], costs: Mapping[str, Costs]) -> list[Cell]:
    """Cells by the work that they are, most first, so that none starts when all others have ended.

    Where nobody has counted the samples of a data set, it is taken for as large as the largest that is counted.
    """
    most = max((cell.config.data.train_samples or 0 for cell in cells), default=0) or 1

    def work(cell: Cell) -> float:
        samples = (cell.config.data.train_samples or most) * cell.config.recipe.epochs
        return -float(costs[cell.id].macs * samples) if cell.id in costs else 0.0

    return sorted(cells, key=work)
