"""Where compiled kernels lie, and who may compile them: never a job under a scheduler's time limit.

A file per kind of number, named after the processors it is for and the sources it was compiled from. The processors are
those of one instruction set, not of one model, so a cluster's nodes share a file and compute the same bits.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = "AN_CLI_KERNELS"  # where the files lie, or "off" for none; unless set, the user's cache
OFF = "off"
SOURCES = ("frame", "lanes", "passes", "attention", "adjoint", "entry", "build")
ENTRY = "an_cli_kernels"  # name of the C function
_X86 = ("avx2", "fma", "f16c", "bmi", "bmi2")  # of x86-64-v3, as /proc/cpuinfo spells them
_BUILD_S = 600  # at most; 10 s of processor time is usual
_UNDER_A_SCHEDULER = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


def _read() -> hashlib._Hash:
    hashed = hashlib.sha256()
    for name in SOURCES:
        hashed.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return hashed


_SOURCES = _read()  # as they are when this process begins: it may go on for days while somebody edits them


@dataclass(frozen=True)
class Missing(Exception):
    """Why there are no kernels here, in a few words that follow "no kernels: "."""

    why: str

    def __str__(self) -> str:
        return self.why


@cache
def target() -> str:
    """Name of the processors that the kernels are compiled for, as LLVM has it.

    Raises:
        Missing: a processor that there are no kernels for.
    """
    if os.environ.get(FOLDER) == OFF:
        raise Missing(f"switched off by {FOLDER}={OFF}")
    machine = platform.machine()
    if machine in ("aarch64", "arm64"):
        return "generic"
    if machine not in ("x86_64", "AMD64"):
        raise Missing(f"a processor of kind {machine}")
    flags = _flags()
    lacking = [flag for flag in _X86 if f"{flag}1" not in flags and flag not in flags]
    if lacking:
        raise Missing(f"a processor without {', '.join(lacking)}")
    return "x86-64-v3"


def _flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return set(next((line.partition(":")[2] for line in text.splitlines() if line.startswith("flags")), "").split())


def folder() -> Path:
    """Where the files lie."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "an-cli" / "kernels"


@cache
def digest() -> str:
    """16 hex digits over the sources and the versions of the compilers."""
    hashed = _SOURCES.copy()
    for package in ("numba", "llvmlite"):
        hashed.update(_version(package).encode())
    return hashed.hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise Missing(f"{package} is not installed") from None


def path(element: str) -> Path:
    """The file of the kernels for maps of such numbers.

    Raises:
        Missing: there can be none.
    """
    return folder() / f"{element}-{target()}-{digest()}.o"


def sealed(code: bytes) -> bytes:
    """An object file behind its checksum: LLVM ends the process over a damaged one."""
    return hashlib.sha256(code).digest() + code


def unsealed(file: Path) -> bytes:
    """The object file that was sealed.

    Raises:
        Missing: it cannot be read, or it is not what was written.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Missing(f"{file} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise Missing(f"{file} is damaged: remove it")
    return content[32:]


def prepare(element: str) -> Path:
    """The file, compiled now where it is not there yet.

    Args:
        element: fp32, bf16, fp16 or fp64.

    Raises:
        Missing: it is not there and cannot be made, or not here: in a scheduler's job.
    """
    where = path(element)
    if where.exists():
        return where
    if any(name in os.environ for name in _UNDER_A_SCHEDULER):
        raise Missing(f"not compiled yet, and not in a job: run `an-cli doctor` where {folder()} is written")
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with where.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not where.exists():
                _compile(element, where)
    except OSError as error:
        raise Missing(f"{where.parent} cannot be written: {error.strerror}") from error
    return where


def _compile(element: str, where: Path) -> None:
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": target(),
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_OPT": "0",  # LLVM's work is done once, at the end
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]).rstrip(":"),
    }
    command = [sys.executable, "-m", "an_cli.kernels.build", element, str(where), digest()]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_BUILD_S, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"compiling took more than {_BUILD_S} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Missing(f"compiling failed: {last}")


def state(element: str) -> str:
    """In words whether the kernels are there; compiles nothing."""
    try:
        return f"compiled for {target()}" if path(element).exists() else f"not compiled yet (for {target()})"
    except Missing as missing:
        return f"none: {missing}"
