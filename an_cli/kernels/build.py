"""Compile the kernels for one kind of number into an object file: `python -m an_cli.kernels.build fp32 FILE DIGEST`.

numba types the sources and writes LLVM's language; the optimizer runs once over all of it. The file needs nothing but
the C library: what else it asked for would be Python's, and missing where it is loaded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import llvmlite.binding as llvm

from an_cli.kernels.cache import ENTRY, digest, sealed, target
from an_cli.kernels.entry import make_entry
from an_cli.kernels.lanes import Element

# Of the C library and its mathematics.
_ALLOWED = frozenset({"memset", "memcpy", "exp", "expf", "sqrt", "sqrtf"})


def build(element: Element) -> bytes:
    """The object file's bytes.

    Raises:
        RuntimeError: the code calls something that is not there where it runs.
    """
    entry = make_entry(element)
    module = llvm.parse_assembly(entry.inspect_llvm())
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == entry.native_name else "internal"
        if function.name == entry.native_name:
            function.name = ENTRY
    machine = llvm.Target.from_triple(module.triple).create_target_machine(
        cpu=target(), features="", opt=3, reloc="pic", codemodel="jitdefault"
    )
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    foreign = {
        function.name
        for function in module.functions
        if function.is_declaration and not function.name.startswith("llvm.") and function.name not in _ALLOWED
    }
    if foreign:
        raise RuntimeError(f"the kernels call {', '.join(sorted(foreign))}")
    return bytes(machine.emit_object(module))


def main(element: str, file: str, wanted: str) -> None:
    """Write the object file in one step, so that nobody reads half of it; not from other sources than are wanted."""
    if digest() != wanted:
        sys.exit("the sources of the kernels were changed after this process began")
    where = Path(file)
    fresh = where.with_name(f"{where.name}.{os.getpid()}")
    fresh.write_bytes(sealed(build(Element(element))))
    fresh.replace(where)


if __name__ == "__main__":
    main(*sys.argv[1:])
