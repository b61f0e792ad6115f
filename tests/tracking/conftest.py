"""The double of the service, and programs that use the real SDK against it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.tracking.wandb_service import Service, wandb_service


@pytest.fixture
def service() -> Iterator[Service]:
    with wandb_service() as running:
        yield running


@dataclass(frozen=True)
class Sdk:
    """Runs programs that use the SDK, each in a process and a home of its own: the SDK keeps state in both."""

    service: Service
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Of a program: this process's without its user's W&B settings, and what finds the double."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        return {**clean, "HOME": str(self.home), "WANDB_SILENT": "true", **self.service.environment, **more}

    def run(
        self, program: str, *arguments: str, timeout_s: float = 120, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "-c", dedent(program), *arguments],
            cwd=self.home,
            env=self.environment(**(environment or {})),
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def __call__(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a program, which must succeed, for what it prints."""
        done = self.run(program, *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def sdk(service: Service, tmp_path: Path) -> Sdk:
    return Sdk(service, tmp_path)
