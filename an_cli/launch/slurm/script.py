"""The text of a job, made by submitit.

submitit is transport here, and less of it than it offers: its executor pickles a function, renames the pickle after
sbatch has answered (a submitter that dies in between leaves a job that cannot start), and its job process ignores
SIGTERM, so that a preempted job starts again from nothing. So its sbatch text is taken, with all its options, and the
command in it is our own worker, which is given run folders and handles signals itself.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from an_cli.config import LaunchConfig
from an_cli.environment import shell_lines
from an_cli.errors import LaunchError
from an_cli.launch.slurm.intent import Intent

WARNING = "USR2"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _executor(folder: Path) -> Any:
    """submitit's executor, of which only the text is used. Imported here: looking at runs must not wait for it."""
    import submitit

    return submitit.SlurmExecutor(folder=folder)


def make_script(
    intent: Intent,
    launch: LaunchConfig,
    *,
    name: str,
    elements: int | None,
    at_once: int,
    threads: int,
    code: Path,
    commit: str | None,
    dependency: str | None = None,
    exclude: Sequence[str] = (),
    data: Sequence[str] = (),
    words: Sequence[str] = (),
    folder: Path | None = None,
) -> str:
    """The sbatch script of an array.

    Args:
        intent: its folder.
        launch: what to ask the cluster for.
        name: the job's name.
        elements: jobs in the array; None for a job that is no array.
        at_once: how many of them may run at a time.
        threads: of each cell.
        code: frozen copy that the worker runs from.
        commit: what the copy was made from.
        dependency: as sbatch takes it.
        exclude: nodes to stay away from, beside those of `launch`.
        data: folders below the data root that the cells read.
        words: what each job is; none: a worker of its element's runs.
        folder: that they are called in.

    Raises:
        LaunchError: submitit refuses a setting.
    """
    stay_away = ",".join([*([launch.exclude] if launch.exclude else []), *exclude]) or None
    parameters = {
        **_asked(launch),
        "exclude": stay_away,
        "job_name": name,
        "array_parallelism": at_once if elements else None,
        "dependency": dependency,
    }
    try:
        made = _executor(intent.folder)
        made.update_parameters(
            **{key: value for key, value in parameters.items() if value is not None},
            wckey=launch.wckey,
            setup=[
                # Else the warning before the time limit would end the set-up without a word; `exec` takes it back.
                f"trap 'echo \"an-cli: the time is nearly up, and set-up goes on: raise launch.time_min\"' {WARNING}",
                *shell_lines(),
                *launch.setup,
                *_environment(intent, launch, threads, code, commit),
                *stage(launch, data),
            ],
            additional_parameters=_additional(intent, launch, array=bool(elements), depends=bool(dependency)),
            stderr_to_stdout=True,
            use_srun=False,
        )
        if elements:
            made.parameters["map_count"] = elements
        return str(made._make_submission_file_text(_command(launch, words, folder), ""))
    except (RuntimeError, ValueError, TypeError) as error:
        raise LaunchError(f"submitit refuses: {error}", where="launch") from error


def _additional(intent: Intent, launch: LaunchConfig, *, array: bool, depends: bool) -> dict[str, Any]:
    """What submitit has no parameter for. The warning goes to the job's own process, without a shell in between."""
    return {
        # Doubled, else SLURM would replace what looks like one of its patterns in the store's own name.
        "output": f"{str(intent.folder).replace('%', '%%')}/{'%A_%a.out' if array else '%j.out'}",
        "chdir": str(intent.folder),
        "signal": f"B:{WARNING}@{launch.warn_s}",
        "requeue": True,
        **dict(_option(option) for option in launch.sbatch),
        **({"kill-on-invalid-dep": "yes"} if depends else {}),
    }


def check_path(path: Path) -> None:
    """Make sure that sbatch and a job's shell can be given a folder as it is.

    Raises:
        LaunchError: its name holds what they would take for something else.
    """
    odd = next((char for char in str(path) if char < " " or char in "\\\x7f" or "\ud800" <= char <= "\udfff"), None)
    if odd is not None:
        raise LaunchError(
            f"the folder's name holds {odd!r}, which sbatch does not take",
            where=str(path),
            now="give it another name, or another --store",
        )


def _asked(launch: LaunchConfig) -> dict[str, Any]:
    return {
        "partition": launch.partition,
        "account": launch.account,
        "qos": launch.qos,
        "constraint": launch.constraint,
        "time": launch.time_min,
        "nodes": launch.nodes,
        "ntasks_per_node": 1,
        "gpus_per_node": launch.gpus_per_node or None,
        "cpus_per_task": launch.cpus_per_task,
        "mem": launch.mem,
    }


def _option(text: str) -> tuple[str, str | bool]:
    key, equals, value = text.lstrip("-").partition("=")
    return key, value if equals else True


def _environment(intent: Intent, launch: LaunchConfig, threads: int, code: Path, commit: str | None) -> list[str]:
    values: Mapping[str, str] = {
        **dict.fromkeys(_THREADS, str(threads)),
        "AN_CLI_TOKEN": intent.token,
        "AN_CLI_CODE": str(code),
        "AN_CLI_COMMIT": commit or "",
        "PYTHONDONTWRITEBYTECODE": "1",  # the copy stays as it was made
        **({"AN_CLI_PREFIX": launch.command_prefix} if _by_srun(launch) and launch.command_prefix else {}),
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return [
        *lines,
        f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}}",
        f"cd {shlex.quote(str(intent.folder))}",
        'echo "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}" > job.$$ && mv -f job.$$ job',
        "IFS=$'\\t' read -r -a RUNS < <(sed -n \"$((${SLURM_ARRAY_TASK_ID:-0} + 1))p\" tasks)",
    ]


def stage(launch: LaunchConfig, folders: Sequence[str]) -> list[str]:
    """Shell lines that copy data sets to the node, once for all jobs on it; the shared disk will do where that fails.

    `stage_to` is written as it is, so that $TMPDIR means the node's.
    """
    if launch.stage_to is None or not folders:
        return []
    lines = [
        f'STAGE="{launch.stage_to}"/an-cli-data',
        'mkdir -p "$STAGE"',
        "STAGED=1",
        'exec 9> "$STAGE/.lock"',
        "flock 9",
    ]
    for folder in folders:
        source = shlex.quote(os.path.join(launch.data_root or "data", folder))
        target = f'"$STAGE"/{shlex.quote(folder)}'
        copied = f"{{ rm -rf {target} && mkdir -p {target} && cp -a {source}/. {target}/ && touch {target}.whole; }}"
        lines.append(f"[ -e {target}.whole ] || {copied} || STAGED=0")
    return [
        *lines,
        "exec 9>&-",
        'if [ "$STAGED" = 1 ]; then export AN_CLI_STAGED="$STAGE"',
        'else echo "no room on this node: reading shared data"; fi',
    ]


def _command(launch: LaunchConfig, words: Sequence[str], folder: Path | None) -> str:
    prefix = f"{launch.command_prefix} " if launch.command_prefix and not _by_srun(launch) else ""
    if words:
        place = f"cd {shlex.quote(str(folder))} && " if folder else ""
        return f"{place}exec {prefix}{shlex.join(words)}"
    worker = shlex.join([os.fspath(sys.executable), "-u", "-P", "-m", "an_cli.worker", "job"])
    return f'exec {prefix}{worker} "${{RUNS[@]}}"'


def _by_srun(launch: LaunchConfig) -> bool:
    """Whether the job's process calls srun, which a container would not have: the prefix is srun's business then."""
    return launch.nodes > 1
