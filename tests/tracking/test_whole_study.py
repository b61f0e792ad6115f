"""A study mirrored while it runs is shown as its folders have it; `tests.checks.tracking_demo` does so with more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checks.tracking_demo import mirrored


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["online", "offline", "tensorboard"])
def test_a_study_is_shown_as_its_folders_have_it(tracker: str, tmp_path: Path) -> None:
    figures = mirrored(tmp_path, "tiny", tracker)
    assert figures["differences"] == []
    assert (figures["runs"], figures["points"]) == (4, 60)
    folders = list((tmp_path / tracker / "runs").iterdir())
    assert all(len(list(folder.iterdir())) <= 12 for folder in folders)
