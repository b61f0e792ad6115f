"""No secret leaves for a tracker; `tests.checks.tracking_quiet` also looks at the sockets of whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.tracking_quiet import leaks


@pytest.mark.parametrize("tracker", ["online", "offline", "tensorboard"])
def test_no_secret_is_in_what_is_sent_or_written(tracker: str, tmp_path: Path) -> None:
    looked = leaks(tmp_path, tracker)
    assert looked.canaries == []
    assert looked.masked > 3
    assert looked.read > 5000
