"""Weights & Biases: one W&B run for a cell, however often it was started; online, or as a file for `wandb sync`.

The SDK is told to collect nothing by itself: no command line, requirements, git remote, environment, host, user or
code. Online, the service knows which steps it has, so a run is continued where its numbers end. Offline, every mirror
writes the whole run anew and then removes what an earlier one wrote: parts of one run in several files are what
`wandb sync` loses or doubles.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from an_cli.config.launching import WandbConfig, WandbMode
from an_cli.errors import TrackerError
from an_cli.redact import redact
from an_cli.tracking.pictures import as_images
from an_cli.tracking.tracker import Finish, MetricsPoint, Opened, RunHead

INIT_S = 30.0  # for an answer of the service; a mirror that got none tries again
FLUSH_S = 0.5  # between two writes of the file: SIGKILL loses no more than that
_SETTLED_S = 4 * FLUSH_S
_ASK_AGAIN_S = (0.5, 2.0)  # pauses before the service is asked again whether it has all
_SUFFIXES = 20  # of an id that the service refuses since a run of that name was deleted there
_DELETED = ("deleted", "409")


def quiet_settings(**more: Any) -> Any:
    """Settings of the SDK with which it sends what it is given, and nothing besides."""
    import wandb

    return wandb.Settings(
        console="off",
        silent=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_disable_stats=True,
        x_save_requirements=False,
        disable_git=True,
        disable_code=True,
        save_code=False,
        disable_job_creation=True,
        program="an-cli",
        host="",
        username="",
        email="",
        x_transaction_log_flush_interval=FLUSH_S,
        init_timeout=INIT_S,
        reinit="create_new",
        **more,
    )


class WandbTracker:
    """One run in W&B."""

    def __init__(self, target: WandbConfig, folder: Path) -> None:
        """`target`: where; `folder`: of the store: offline runs lie in its `wandb/`."""
        self._target, self._offline = target, target.mode is WandbMode.OFFLINE
        self._folder = folder if self._offline else folder / ".an-cli"
        self._sdk = folder / ".an-cli" / "wandb-sdk"
        self._run: Any = None
        self._opened_at, self._alone, self._last_step = 0.0, False, -1

    def open(self, head: RunHead, *, known_as: str, goes_on: bool) -> Opened:
        """See `Tracker.open`."""
        with _explained():
            self._folder.mkdir(parents=True, exist_ok=True)
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ARTIFACT_DIR"):  # HOME is small on many clusters
            os.environ[name] = str(self._sdk)
        self._await_a_new_second(known_as or head.id)
        first = known_as or head.id
        for name in (first, *(f"{head.id}-{number}" for number in range(2, _SUFFIXES))):
            try:
                self._run = self._init(head, name, goes_on=goes_on)
                break
            except TrackerError as refused:
                if not all(word in str(refused).lower() for word in _DELETED) or name == f"{head.id}-{_SUFFIXES - 1}":
                    raise
        self._opened_at = time.monotonic()
        with _explained():
            self._run.define_metric("eval/*", step_metric="epoch")
            self._run.define_metric("train/epoch_loss", step_metric="epoch")
        return Opened(
            id=self._run.id, next_step=int(self._run.starting_step), url="" if self._offline else self._run.url or ""
        )

    def _init(self, head: RunHead, name: str, *, goes_on: bool) -> Any:
        import wandb

        with _explained():
            return wandb.init(
                mode=str(self._target.mode),  # type: ignore[arg-type]
                entity=self._target.entity,
                project=self._target.project,
                id=name,
                name=head.name,
                group=head.group or None,
                job_type="train",
                tags=list(head.tags),
                notes=head.notes or None,
                config=dict(head.config),
                resume="allow",
                dir=str(self._folder),
                settings=quiet_settings(x_update_finish_state=not goes_on),
            )

    def log(self, point: MetricsPoint) -> None:
        """See `Tracker.log`."""
        with _explained():
            self._run.log(dict(point.values), step=point.step, commit=True)
        self._last_step = point.step

    def tend(self) -> None:
        """See `Tracker.tend`: the file of this mirror holds the whole run now, and those of earlier ones may go."""
        if not self._alone and time.monotonic() - self._opened_at > _SETTLED_S:
            self._remove_stale()

    def close(self, finish: Finish) -> None:
        """See `Tracker.close`."""
        import wandb

        with _explained():
            self._run.summary.update(dict(finish.facts))
            for name, image in as_images(finish.pictures).items():
                self._run.summary[name] = wandb.Image(image)
            if finish.files:
                artifact = wandb.Artifact(f"run-{self._run.id}", type="run")
                for path in finish.files:
                    artifact.add_file(str(path), name=path.name, policy="immutable", skip_cache=True)
                self._run.log_artifact(artifact)
            if finish.preempted:
                self._run.mark_preempting()
            if self._offline and not finish.over:
                time.sleep(2 * FLUSH_S)  # an end in the file would be the run's end there
            else:
                self._run.finish(exit_code=finish.exit_status)
        self._remove_stale()
        if not self._offline:
            with _explained():
                self._ask_whether_it_came()
            shutil.rmtree(Path(self._run.dir).parent, ignore_errors=True)

    def _ask_whether_it_came(self) -> None:
        """Ask the service for its last step: the SDK ends as if all were well when its messages were refused.

        Raises:
            TrackerError: the service lacks what was logged.
        """
        import wandb

        path, api = f"{self._run.entity}/{self._run.project}/{self._run.id}", wandb.Api(timeout=int(INIT_S))
        for pause_s in (0.0, *_ASK_AGAIN_S):
            time.sleep(pause_s)
            api.flush()  # type: ignore[no-untyped-call]  # it remembers its answers
            if api.run(path).summary_metrics.get("_step", -1) >= self._last_step:
                return
        raise ValueError(f"the service has not taken what was logged up to step {self._last_step}")

    def _folders(self, name: str) -> list[Path]:
        return list((self._folder / "wandb").glob(f"*run-*-{name}"))

    def _await_a_new_second(self, name: str) -> None:
        """The SDK names a folder by the second: an earlier mirror's of the same second would be written into."""
        while any(time.strftime("%Y%m%d_%H%M%S") in path.name for path in self._folders(name)):
            time.sleep(0.1)

    def _remove_stale(self) -> None:
        """Remove what earlier mirrors have written of this run; also what came late, of one that was just killed."""
        own = Path(self._run.dir).parent
        for path in self._folders(self._run.id):
            if path.resolve() != own.resolve():
                shutil.rmtree(path, ignore_errors=True)
        self._alone = True


@contextmanager
def _explained() -> Iterator[None]:
    """What the SDK or the disk refuses, as one line without a secret."""
    import wandb.errors

    try:
        yield
    except (wandb.errors.Error, OSError, ValueError, TypeError) as error:
        text = " ".join(redact(str(error)).split())
        raise TrackerError(
            f"W&B: {text or type(error).__name__}",
            where="launch.wandb",
            now="the run's records are whole; send them with: an-cli sync",
        ) from error
