"""TensorBoard: an event file per run, in `tensorboard/<study>/<label>/` of the store; needs the extra `tensorboard`.

An event file cannot take numbers back, so every mirror writes the whole run into a new one and then removes the older.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from an_cli.errors import TrackerError
from an_cli.tracking.pictures import as_images
from an_cli.tracking.tracker import Finish, MetricsPoint, Opened, RunHead

_UNSAFE = re.compile(r"[^\w.+=,@()-]+")
_SETTLED_S = 2.0


class TensorboardTracker:
    """One run as an event file."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the store; `tensorboard --logdir` is given its `tensorboard/`."""
        self._folder = folder / "tensorboard"
        self._writer: Any = None
        self._stale: list[Path] = []
        self._opened_at, self._step = 0.0, 0

    def open(self, head: RunHead, *, known_as: str, goes_on: bool) -> Opened:
        """See `Tracker.open`."""
        own = self._folder.joinpath(*(_UNSAFE.sub("_", part) or "_" for part in (head.study or "runs", head.name)))
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            own.mkdir(parents=True, exist_ok=True)
            self._stale = sorted(own.glob("events.out.tfevents.*"))
            self._writer = EventFileWriter(str(own), flush_secs=1)
        except ImportError as error:
            raise TrackerError(
                "tensorboard is not installed", where="launch.tracking", now="pip install 'an-cli[tensorboard]'"
            ) from error
        except OSError as error:
            raise _refused(error) from error
        self._opened_at = time.monotonic()
        about = {"id": head.id, "group": head.group, "tags": head.tags, "notes": head.notes, "config": head.config}
        self._text("cell", json.dumps(about, indent=1))
        return Opened(id=str(own.relative_to(self._folder)), next_step=0)

    def log(self, point: MetricsPoint) -> None:
        """See `Tracker.log`."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._step = point.step
        values = [Summary.Value(tag=name, simple_value=value) for name, value in point.values.items()]
        self._write(Summary(value=values))

    def tend(self) -> None:
        """See `Tracker.tend`."""
        self._writer.flush()
        if self._stale and time.monotonic() - self._opened_at > _SETTLED_S:
            self._remove_stale()

    def close(self, finish: Finish) -> None:
        """See `Tracker.close`."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for name, image in as_images(finish.pictures).items():
            own = Summary.Image(
                height=image.height, width=image.width, colorspace=3, encoded_image_string=finish.pictures[name]
            )
            self._write(Summary(value=[Summary.Value(tag=name, image=own)]))
        ended = {"exit_status": finish.exit_status, "preempted": finish.preempted} if finish.over else {}
        self._text("end", json.dumps({**ended, **finish.facts}, indent=1))
        self._writer.close()
        self._remove_stale()

    def _text(self, name: str, text: str) -> None:
        """A text as the text dashboard shows it."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
        self._write(Summary(value=[Summary.Value(tag=name, metadata=metadata, tensor=tensor)]))

    def _write(self, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        try:
            self._writer.add_event(Event(step=self._step, wall_time=time.time(), summary=summary))
        except OSError as error:
            raise _refused(error) from error

    def _remove_stale(self) -> None:
        for path in self._stale:
            path.unlink(missing_ok=True)
        self._stale = []


def _refused(error: OSError) -> TrackerError:
    return TrackerError(
        f"TensorBoard: {error.strerror or error}",
        where="launch.tracking",
        now="the run's records are whole; send them with: an-cli sync",
    )
