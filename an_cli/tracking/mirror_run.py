"""Mirroring one run, from its records to a tracker: to where it stands, or to the end of the attempt that makes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from an_cli.config import LaunchConfig
from an_cli.config.launching import Tracking
from an_cli.errors import TrackerError
from an_cli.files import subfolders
from an_cli.mirror import destination
from an_cli.store import Life, RunFolder
from an_cli.store.claims import life, newest_claim
from an_cli.store.follow import MetricsFollower
from an_cli.store.sent import Sent, failed, is_whole, read_sent, record
from an_cli.tracking.ledger import beat, sending
from an_cli.tracking.records import Points, finish_of, head_of, images_per_step
from an_cli.tracking.tensorboard_tracker import TensorboardTracker
from an_cli.tracking.tracker import Tracker
from an_cli.tracking.wandb_tracker import WandbTracker

LOOK_S = 1.0
_BEAT_S = 10.0
Wait = Callable[[float], bool]  # waits so many seconds; False: no more time


@dataclass(frozen=True, kw_only=True)
class MirrorOrder:
    """What is asked for.

    Attributes:
        run: which run.
        launch: how it is tracked.
        study: as whose row it is shown; empty: the study that it goes by.
        after: number of the claim before the attempt to follow.
        follow: wait for that attempt and its end; else send what is there.
        again: send all of it, whatever the ledger says.
    """

    run: RunFolder
    launch: LaunchConfig
    study: str = ""
    after: int = 0
    follow: bool = False
    again: bool = False


def make_tracker(launch: LaunchConfig, folder: Path) -> Tracker:
    """The tracker of a run's launch settings, `tracking: auto` decided.

    Args:
        launch: its settings.
        folder: of the store.
    """
    if launch.tracking is Tracking.TENSORBOARD:
        return TensorboardTracker(folder)
    if launch.tracking is Tracking.WANDB and launch.wandb is not None:
        return WandbTracker(launch.wandb, folder)
    raise TrackerError(f"no tracker is named {launch.tracking}", where="launch.tracking", now="wandb or tensorboard")


def is_sent(order: MirrorOrder) -> bool:
    """Whether the ledger says that all there is of a run has been sent where the order wants it."""
    return is_whole(order.run, destination(order.launch)) and not order.again


def mirror_run(order: MirrorOrder, wait: Wait) -> Sent | None:
    """Carry out an order.

    Args:
        order: what to send.
        wait: how to wait; once it says False, what is there is sent and that is all.

    Returns:
        What the destination has now; None where another mirror sends the run.

    Raises:
        TrackerError: the tracker cannot be written to; the ledger says why.
        StoreError: the run does not read.
    """
    if order.follow and not _await_claim(order, wait):
        return read_sent(order.run).get(destination(order.launch), Sent())
    with sending(order.run) as ours:
        if not ours:
            return None
        if order.follow and is_sent(order):  # by another mirror, while this one waited
            return read_sent(order.run)[destination(order.launch)]
        try:
            return _Mirrored(order, wait).send()
        except TrackerError as error:
            failed(order.run, destination(order.launch), str(error))
            raise


def _await_claim(order: MirrorOrder, wait: Wait) -> bool:
    """Wait for the attempt to begin; False where it never did."""
    while newest_claim(order.run) <= order.after:
        if not wait(LOOK_S / 2):
            return newest_claim(order.run) > order.after
    return True


class _Mirrored:
    """One run being mirrored."""

    def __init__(self, order: MirrorOrder, wait: Wait) -> None:
        self._run, self._order, self._wait = order.run, order, wait
        self._place = destination(order.launch)
        self._known = read_sent(order.run).get(self._place, Sent())
        head = head_of(order.run, order.launch, order.study)
        self._tracker = make_tracker(order.launch, order.run.path.parent.parent)
        going = life(order.run) is not Life.DEAD
        opened = self._tracker.open(head, known_as=self._name(), goes_on=going and not order.follow)
        self._sent = Sent(id=opened.id, url=opened.url, claim=newest_claim(order.run))
        self._next_step = opened.next_step
        self._points, self._follower = Points(images_per_step(head.config)), MetricsFollower(order.run)
        self._beat_at = time.monotonic()

    def _name(self) -> str:
        """The id that the run has there; a rerun is another run than the one in its archive."""
        if self._known.id:
            return self._known.id
        reruns = len(list(subfolders(self._run.archive)))
        return f"{self._run.id}-{reruns + 1}" if reruns else ""

    def send(self) -> Sent:
        record(self._run, self._place, self._sent)
        while True:
            over = life(self._run) is Life.DEAD  # before the lines: what was written until then is read below
            self._send_points()
            if over or not self._order.follow or not self._wait(LOOK_S):
                break
            self._tracker.tend()
            self._beat()
        self._send_points()
        finish = finish_of(self._run, self._order.launch)
        self._tracker.close(finish)
        claim = newest_claim(self._run)
        self._sent = Sent(
            id=self._sent.id, url=self._sent.url, claim=claim, points=self._sent.points, whole=finish.over
        )
        record(self._run, self._place, self._sent)
        return self._sent

    def _send_points(self) -> None:
        points = self._sent.points
        for point in self._points.feed(self._follower.read()):
            points += 1
            if point.step >= self._next_step:
                self._tracker.log(point)
        self._sent = Sent(id=self._sent.id, url=self._sent.url, claim=self._sent.claim, points=points)

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at > _BEAT_S:
            beat(self._run)
            self._beat_at = time.monotonic()
