"""Compiled kernels, loaded and called. A process that calls them has LLVM's loader in it, but no compiler of Python.

Threads are those of PyTorch itself: its OpenMP runs the kernel on as many as PyTorch is set to, so no second pool
competes for the cores, and forking is as safe, or not, as it is with PyTorch alone.
"""

from __future__ import annotations

import ctypes
from array import array
from functools import cache
from pathlib import Path

from an_cli.kernels.cache import ENTRY, Missing, prepare, unsealed
from an_cli.kernels.frame import Word


class Library:
    """The kernels for maps of one kind of number.

    Args:
        file: the object file.

    Raises:
        Missing: it cannot be loaded.
    """

    def __init__(self, file: Path) -> None:
        code = unsealed(file)
        try:
            import llvmlite.binding as llvm
        except ImportError as error:
            raise Missing(f"llvmlite: {error}") from error
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)  # it owns the code
        self._engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._address = self._engine.get_function_address(ENTRY)
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_int64)(self._address)

    def run(self, frame: array[int], threads: int = 1) -> None:
        """Do a frame's steps, one after the other.

        Args:
            frame: what is worked on, and the steps; it is used up.
            threads: at most so many.
        """
        frame[Word.ENTRY] = self._address
        if threads > 1:
            frame[Word.THREADS], frame[Word.PARALLEL] = threads, _openmp()
        self._call(frame.buffer_info()[0])


@cache
def load(element: str) -> Library:
    """The kernels for maps of such numbers, compiled first where they may be.

    Raises:
        Missing: there are none.
    """
    return Library(prepare(element))


@cache
def _openmp() -> int:
    """Address of the function that runs a function on several threads, of the OpenMP in this process; 0 for none."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    files = dict.fromkeys(line.split()[-1] for line in lines if "omp" in Path(line.split()[-1]).name)
    for file in files:
        try:
            function = ctypes.CDLL(file).GOMP_parallel
        except (OSError, AttributeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0
