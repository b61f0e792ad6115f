"""The kernels: what one call does, over samples, components or blocks of channels that threads take one by one.

A call runs its frame's steps one after the other. In each step every thread runs the same kernel: it takes the next
item from the frame until none is left. An item is worked on by one thread, so who takes what changes no bit.
"""

from __future__ import annotations

from typing import Any

from numba import cfunc, types

from an_cli.kernels.adjoint import make_adjoint
from an_cli.kernels.attention import BATCH, GROUP, make_attention
from an_cli.kernels.frame import Kernel, Word
from an_cli.kernels.lanes import Element, call_parallel, put_word, real, take_next, word
from an_cli.kernels.passes import compiled, make_column_passes, make_row_passes

# By number, since numba takes whole numbers of a module for constants.
(
    _PREPARE, _MOMENTS, _BATCH_MOMENTS, _SQUEEZE, _HEAD, _OUTPUT, _WHOLE,
    _REDUCE, _HEAD_BACK, _PARAMETERS, _SQUEEZE_BACK, _BATCH_BACK, _GRADIENT, _TRACK, _ALL,
) = (int(kernel) for kernel in Kernel)  # fmt: skip
_FIRST_KEPT, _FIRST_SCRATCH, _FIRST_GRADIENT = int(Word.MEAN), int(Word.D_GAMMA_NC), int(Word.D_GAMMA)


def make_entry(element: Element) -> Any:
    """Compile the kernels for maps of such elements: a C function of a frame's address."""
    statistic = Element.FP64 if element is Element.FP64 else Element.FP32
    forward, backward = make_attention(statistic), make_adjoint(statistic)
    rows, columns, size = make_row_passes(element), make_column_passes(element), statistic.size
    number = statistic.scalar

    @compiled
    def moments(f: int, n: int) -> None:
        c, p = word(f, Word.C), word(f, Word.P)
        here = n * c * size
        mean, var = word(f, Word.MEAN) + here, word(f, Word.VAR) + here
        if word(f, Word.COLUMNS):
            columns_moments(word(f, Word.X), n * c * p, c, p, mean, var)
        else:
            rows_moments(word(f, Word.X), n * c * p, c, p, mean, var)
        standardization = word(f, Word.STANDARDIZATION)
        if standardization == GROUP:
            group(f, n)
        if standardization != BATCH or not word(f, Word.INSIDE):
            squeeze(f, n)

    @compiled
    def output(f: int, n: int) -> None:
        mix(f, n)
        c, p = word(f, Word.C), word(f, Word.P)
        here, high = n * c * size, number(real(f, Word.HIGH))
        mean, a, t = word(f, Word.MEAN) + here, word(f, Word.SCALE) + here, word(f, Word.SHIFT) + here
        if word(f, Word.COLUMNS):
            columns_apply(word(f, Word.X), word(f, Word.Y), n * c * p, c, p, mean, a, t, high)
        else:
            rows_apply(word(f, Word.X), word(f, Word.Y), n * c * p, c, p, mean, a, t, high)

    @compiled
    def reduce(f: int, n: int) -> None:
        c, p = word(f, Word.C), word(f, Word.P)
        here, high = n * c * size, number(real(f, Word.HIGH))
        mean, a, t = word(f, Word.MEAN) + here, word(f, Word.SCALE) + here, word(f, Word.SHIFT) + here
        s1, s2 = word(f, Word.D_BETA_NC) + here, word(f, Word.D_GAMMA_NC) + here
        if word(f, Word.COLUMNS):
            columns_reduce(word(f, Word.X), word(f, Word.GRAD), n * c * p, c, p, mean, a, t, high, s1, s2)
        else:
            rows_reduce(word(f, Word.X), word(f, Word.GRAD), n * c * p, c, p, mean, a, t, high, s1, s2)
        mixture_back(f, n)

    @compiled
    def gradient(f: int, n: int) -> None:
        finish(f, n)
        c, p = word(f, Word.C), word(f, Word.P)
        here, high = n * c * size, number(real(f, Word.HIGH))
        mean, a, t = word(f, Word.MEAN) + here, word(f, Word.SCALE) + here, word(f, Word.SHIFT) + here
        k, q = word(f, Word.D_VAR) + here, word(f, Word.D_MEAN) + here
        x, g, out = word(f, Word.X), word(f, Word.GRAD), word(f, Word.DX)
        if word(f, Word.COLUMNS):
            columns_gradient(x, g, out, n * c * p, c, p, mean, a, t, high, k, q)
        else:
            rows_gradient(x, g, out, n * c * p, c, p, mean, a, t, high, k, q)

    rows_moments, rows_apply, rows_reduce, rows_gradient = rows
    columns_moments, columns_apply, columns_reduce, columns_gradient = columns
    prepare, group, batch, squeeze, head, mix, track = forward
    mixture_back, head_back, parameters, squeeze_back, batch_back, finish = backward

    @compiled
    def item(f: int, kernel: int, i: int) -> None:
        if kernel == _MOMENTS:
            moments(f, i)
        elif kernel == _BATCH_MOMENTS:
            batch(f, i)
        elif kernel == _SQUEEZE:
            squeeze(f, i)
        elif kernel == _OUTPUT:
            output(f, i)
        elif kernel == _WHOLE:
            moments(f, i)
            output(f, i)
        elif kernel == _REDUCE:
            reduce(f, i)
        elif kernel == _PARAMETERS:
            parameters(f, i)
        elif kernel == _SQUEEZE_BACK:
            squeeze_back(f, i)
        elif kernel == _BATCH_BACK:
            batch_back(f, i)
        elif kernel == _GRADIENT:
            gradient(f, i)
        elif kernel == _PREPARE:
            prepare(f)
        elif kernel == _HEAD:
            head(f)
        elif kernel == _HEAD_BACK:
            head_back(f)
        else:
            track(f)

    @compiled
    def work(f: int) -> None:
        kernel, count = word(f, Word.KERNEL), word(f, Word.COUNT)
        i = take_next(f, Word.NEXT)
        while i < count:
            item(f, kernel, i)
            i = take_next(f, Word.NEXT)

    @compiled
    def all_steps(f: int) -> None:
        for slot in range(_FIRST_KEPT, _FIRST_SCRATCH):
            put_word(f, slot, word(f, slot) + word(f, Word.KEPT))
        for slot in range(_FIRST_SCRATCH, _FIRST_GRADIENT):
            put_word(f, slot, word(f, slot) + word(f, Word.SCRATCH))
        for step in range(word(f, Word.STEPS)):
            items = word(f, Word.STEP + 2 * step + 1)
            put_word(f, Word.KERNEL, word(f, Word.STEP + 2 * step))
            put_word(f, Word.COUNT, items)
            put_word(f, Word.NEXT, 0)
            threads = min(word(f, Word.THREADS), items)
            if threads > 1 and word(f, Word.PARALLEL):
                call_parallel(word(f, Word.PARALLEL), word(f, Word.ENTRY), f, threads)
            else:
                work(f)

    def entry(frame: int) -> None:
        if word(frame, Word.KERNEL) == _ALL:
            all_steps(frame)
        else:
            work(frame)

    return cfunc(types.void(types.int64), error_model="numpy", _nrt=False)(entry)
