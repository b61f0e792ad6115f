"""The work over a feature map that attentive normalization cannot do without: of_gd passes forward, two backward.

    moments     m = mean(x),  v = mean((x - m)^2)        of one channel of one sample, in one go over memory
    apply       y = act((x - m) a + t)
    reduce      sum(g), sum(g (x - m))                   with g = act'(y) times the gradient of y
    gradient    dx = g a + (x - m) k + q

Each pass works on one sample, in rows (a channel's pixels side by side) or in columns (channels-last: a pixel's
channels side by side). Moments never subtract squares: rows are read twice while they are in the cache, columns are
joined from stretches of pixels (Chan et al., 1983), and sums are of differences to a channel's first pixel, so a mean
of 1e4 beside a standard deviation of 1 costs no digits.
Tails go through narrower vectors. x, g and y are addresses; p pixels, c channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import njit

from an_cli.kernels.lanes import Element, Vector, make_vector

WIDE, NARROW = 32, 8  # lanes; a row has so many sums beside each other
STRETCH = 16  # pixels of columns whose moments are taken at once
NEAR = 128  # channels of neighboring pixels that the other passes work on at once: memory is read nearly in its order


class Passes(NamedTuple):
    """The four passes over one sample of c channels and p pixels that begins at an offset, for one layout."""

    moments: Callable[..., Any]
    apply: Callable[..., Any]
    reduce: Callable[..., Any]
    gradient: Callable[..., Any]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's njit, with division as IEEE has it. Nothing may raise or allocate: that would ask for Python."""
    return njit(error_model="numpy", _nrt=False)(function)  # type: ignore[no-any-return]


def make_row_passes(element: Element) -> Passes:
    """Passes over a contiguous map of such elements."""
    number = Element.FP64 if element is Element.FP64 else Element.FP32
    steps = [_row_steps(make_vector(element, width)) for width in (WIDE, NARROW, 1)]
    (sum_w, sum_n, sum_1), (square_w, square_n, square_1) = zip(*[(s[0], s[1]) for s in steps], strict=True)
    (apply_w, apply_n, apply_1), (reduce_w, reduce_n, reduce_1), (grad_w, grad_n, grad_1) = (
        tuple(s[i] for s in steps) for i in (2, 3, 4)
    )
    scalar = make_vector(number, 1)
    get, put, only, fill = scalar.load, scalar.store, scalar.total, scalar.fill
    read = make_vector(element, 1).load

    @compiled
    def moments(x: int, start: int, c: int, p: int, mean: int, var: int) -> None:
        wide, narrow = p - p % WIDE, p - p % NARROW
        for i in range(c):
            row = start + i * p
            pivot = only(read(x, row))  # a large mean would round every sum
            s = sum_w(x, row, 0, wide, pivot) + sum_n(x, row, wide, narrow, pivot) + sum_1(x, row, narrow, p, pivot)
            m = pivot + s / p
            v = square_w(x, row, 0, wide, m) + square_n(x, row, wide, narrow, m) + square_1(x, row, narrow, p, m)
            put(mean, i, fill(m))
            put(var, i, fill(v / p))

    @compiled
    def apply(x: int, y: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float) -> None:
        wide, narrow = p - p % WIDE, p - p % NARROW
        for i in range(c):
            row, m, s, b = start + i * p, only(get(mean, i)), only(get(a, i)), only(get(t, i))
            apply_w(x, y, row, 0, wide, m, s, b, high)
            apply_n(x, y, row, wide, narrow, m, s, b, high)
            apply_1(x, y, row, narrow, p, m, s, b, high)

    @compiled
    def reduce(
        x: int, g: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float, s1: int, s2: int
    ) -> None:
        wide, narrow = p - p % WIDE, p - p % NARROW
        for i in range(c):
            row, m, s, b = start + i * p, only(get(mean, i)), only(get(a, i)), only(get(t, i))
            g_w, gd_w = reduce_w(x, g, row, 0, wide, m, s, b, high)
            g_n, gd_n = reduce_n(x, g, row, wide, narrow, m, s, b, high)
            g_1, gd_1 = reduce_1(x, g, row, narrow, p, m, s, b, high)
            put(s1, i, fill(g_w + g_n + g_1))
            put(s2, i, fill(gd_w + gd_n + gd_1))

    @compiled
    def gradient(
        x: int, g: int, out: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float, k: int, q: int
    ) -> None:
        wide, narrow = p - p % WIDE, p - p % NARROW
        for i in range(c):
            row, m, s, b = start + i * p, only(get(mean, i)), only(get(a, i)), only(get(t, i))
            slope, constant = only(get(k, i)), only(get(q, i))
            grad_w(x, g, out, row, 0, wide, m, s, b, high, slope, constant)
            grad_n(x, g, out, row, wide, narrow, m, s, b, high, slope, constant)
            grad_1(x, g, out, row, narrow, p, m, s, b, high, slope, constant)

    return Passes(moments, apply, reduce, gradient)


def _row_steps(vector: Vector) -> tuple[Callable[..., Any], ...]:
    """The passes over pixels first to last of one row, for one width: sum, square, apply, reduce, gradient."""
    width, load, store, zero, fill, add, sub, _, fma, total, clamp, passes = vector

    @compiled
    def sum_(x: int, row: int, first: int, last: int, pivot: float) -> Any:
        s, m = zero(), fill(pivot)
        for i in range(first, last, width):
            s = add(s, sub(load(x, row + i), m))
        return total(s)

    @compiled
    def square(x: int, row: int, first: int, last: int, mean: float) -> Any:
        s, m = zero(), fill(mean)
        for i in range(first, last, width):
            d = sub(load(x, row + i), m)
            s = fma(d, d, s)
        return total(s)

    @compiled
    def apply(
        x: int, y: int, row: int, first: int, last: int, mean: float, scale: float, shift: float, high: float
    ) -> None:
        m, a, t, h = fill(mean), fill(scale), fill(shift), fill(high)
        if high > 0:
            for i in range(first, last, width):
                store(y, row + i, clamp(fma(sub(load(x, row + i), m), a, t), h))
        else:
            for i in range(first, last, width):
                store(y, row + i, fma(sub(load(x, row + i), m), a, t))

    @compiled
    def reduce(
        x: int, g: int, row: int, first: int, last: int, mean: float, scale: float, shift: float, high: float
    ) -> tuple[float, float]:
        m, a, t, h, of_g, of_gd = fill(mean), fill(scale), fill(shift), fill(high), zero(), zero()
        if high > 0:
            for i in range(first, last, width):
                d = sub(load(x, row + i), m)
                e = passes(load(g, row + i), fma(d, a, t), h)
                of_g, of_gd = add(of_g, e), fma(e, d, of_gd)
        else:
            for i in range(first, last, width):
                e = load(g, row + i)
                of_g, of_gd = add(of_g, e), fma(e, sub(load(x, row + i), m), of_gd)
        return total(of_g), total(of_gd)

    @compiled
    def gradient(
        x: int, g: int, out: int, row: int, first: int, last: int,
        mean: float, scale: float, shift: float, high: float, slope: float, constant: float,
    ) -> None:  # fmt: skip
        m, a, t, h, k, q = fill(mean), fill(scale), fill(shift), fill(high), fill(slope), fill(constant)
        if high > 0:
            for i in range(first, last, width):
                d = sub(load(x, row + i), m)
                e = passes(load(g, row + i), fma(d, a, t), h)
                store(out, row + i, fma(e, a, fma(d, k, q)))
        else:
            for i in range(first, last, width):
                store(out, row + i, fma(load(g, row + i), a, fma(sub(load(x, row + i), m), k, q)))

    return sum_, square, apply, reduce, gradient


def make_column_passes(element: Element) -> Passes:
    """Passes over a channels-last map of such elements."""
    number = Element.FP64 if element is Element.FP64 else Element.FP32
    steps = [_column_steps(make_vector(element, width), make_vector(number, width)) for width in (WIDE, NARROW, 1)]
    moments_w, apply_w, reduce_w, grad_w = steps[0]
    moments_n, apply_n, reduce_n, grad_n = steps[1]
    moments_1, apply_1, reduce_1, grad_1 = steps[2]

    @compiled
    def moments(x: int, start: int, c: int, p: int, mean: int, var: int) -> None:
        wide, narrow = c - c % WIDE, c - c % NARROW
        moments_w(x, start, c, p, 0, wide, mean, var)
        moments_n(x, start, c, p, wide, narrow, mean, var)
        moments_1(x, start, c, p, narrow, c, mean, var)

    @compiled
    def apply(x: int, y: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float) -> None:
        wide, narrow = c - c % WIDE, c - c % NARROW
        apply_w(x, y, start, c, p, 0, wide, mean, a, t, high)
        apply_n(x, y, start, c, p, wide, narrow, mean, a, t, high)
        apply_1(x, y, start, c, p, narrow, c, mean, a, t, high)

    @compiled
    def reduce(
        x: int, g: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float, s1: int, s2: int
    ) -> None:
        wide, narrow = c - c % WIDE, c - c % NARROW
        reduce_w(x, g, start, c, p, 0, wide, mean, a, t, high, s1, s2)
        reduce_n(x, g, start, c, p, wide, narrow, mean, a, t, high, s1, s2)
        reduce_1(x, g, start, c, p, narrow, c, mean, a, t, high, s1, s2)

    @compiled
    def gradient(
        x: int, g: int, out: int, start: int, c: int, p: int, mean: int, a: int, t: int, high: float, k: int, q: int
    ) -> None:
        wide, narrow = c - c % WIDE, c - c % NARROW
        grad_w(x, g, out, start, c, p, 0, wide, mean, a, t, high, k, q)
        grad_n(x, g, out, start, c, p, wide, narrow, mean, a, t, high, k, q)
        grad_1(x, g, out, start, c, p, narrow, c, mean, a, t, high, k, q)

    return Passes(moments, apply, reduce, gradient)


def _column_steps(vector: Vector, number: Vector) -> tuple[Callable[..., Any], ...]:
    """The passes over channels first to last of one sample, for one width: moments, apply, reduce, gradient."""
    width, load, store, zero, fill, add, sub, mul, fma, _, clamp, passes = vector
    get, put = number.load, number.store

    @compiled
    def moments(x: int, start: int, c: int, p: int, first: int, last: int, mean: int, var: int) -> None:
        for j in range(first, last, width):
            put(mean, j, zero())
            put(var, j, zero())
        for begin in range(0, p, STRETCH):
            end = min(begin + STRETCH, p)
            share, weight, apart = fill(1 / (end - begin)), fill((end - begin) / end), fill(begin * (end - begin) / end)
            for j in range(first, last, width):
                own, squares, pivot = zero(), zero(), load(x, start + j)
                for i in range(begin, end):
                    own = add(own, sub(load(x, start + i * c + j), pivot))
                own = mul(own, share)
                for i in range(begin, end):
                    d = sub(sub(load(x, start + i * c + j), pivot), own)
                    squares = fma(d, d, squares)
                m = get(mean, j)
                between = sub(own, m)
                put(mean, j, fma(between, weight, m))
                put(var, j, fma(mul(between, apart), between, add(get(var, j), squares)))
        for j in range(first, last, width):
            put(mean, j, add(get(mean, j), load(x, start + j)))
            put(var, j, mul(get(var, j), fill(1 / p)))

    @compiled
    def apply(
        x: int, y: int, start: int, c: int, p: int, first: int, last: int, mean: int, a: int, t: int, high: float
    ) -> None:
        h = fill(high)
        near = max(1, NEAR // c)
        for part in range((p + near - 1) // near):
            begin, end = part * near, min((part + 1) * near, p)
            for j in range(first, last, width):
                m, scale, shift = get(mean, j), get(a, j), get(t, j)
                if high > 0:
                    for i in range(begin, end):
                        at = start + i * c + j
                        store(y, at, clamp(fma(sub(load(x, at), m), scale, shift), h))
                else:
                    for i in range(begin, end):
                        at = start + i * c + j
                        store(y, at, fma(sub(load(x, at), m), scale, shift))

    @compiled
    def reduce(
        x: int, g: int, start: int, c: int, p: int, first: int, last: int,
        mean: int, a: int, t: int, high: float, s1: int, s2: int,
    ) -> None:  # fmt: skip
        h = fill(high)
        for j in range(first, last, width):
            put(s1, j, zero())
            put(s2, j, zero())
        near = max(1, NEAR // c)
        for part in range((p + near - 1) // near):
            begin, end = part * near, min((part + 1) * near, p)
            for j in range(first, last, width):
                m, scale, shift, of_g, of_gd = get(mean, j), get(a, j), get(t, j), get(s1, j), get(s2, j)
                if high > 0:
                    for i in range(begin, end):
                        at = start + i * c + j
                        d = sub(load(x, at), m)
                        e = passes(load(g, at), fma(d, scale, shift), h)
                        of_g, of_gd = add(of_g, e), fma(e, d, of_gd)
                else:
                    for i in range(begin, end):
                        at = start + i * c + j
                        e = load(g, at)
                        of_g, of_gd = add(of_g, e), fma(e, sub(load(x, at), m), of_gd)
                put(s1, j, of_g)
                put(s2, j, of_gd)

    @compiled
    def gradient(
        x: int, g: int, out: int, start: int, c: int, p: int, first: int, last: int,
        mean: int, a: int, t: int, high: float, slope: int, constant: int,
    ) -> None:  # fmt: skip
        h = fill(high)
        near = max(1, NEAR // c)
        for part in range((p + near - 1) // near):
            begin, end = part * near, min((part + 1) * near, p)
            for j in range(first, last, width):
                m, scale, shift, k, q = get(mean, j), get(a, j), get(t, j), get(slope, j), get(constant, j)
                if high > 0:
                    for i in range(begin, end):
                        at = start + i * c + j
                        d = sub(load(x, at), m)
                        e = passes(load(g, at), fma(d, scale, shift), h)
                        store(out, at, fma(e, scale, fma(d, k, q)))
                else:
                    for i in range(begin, end):
                        at = start + i * c + j
                        store(out, at, fma(load(g, at), scale, fma(sub(load(x, at), m), k, q)))

    return moments, apply, reduce, gradient
