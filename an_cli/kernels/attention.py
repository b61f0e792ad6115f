"""Everything between the passes over the map, forward: from instance moments to one scale and shift per channel.

    mu, sigma    of the batch, tracked, or of the groups of a sample
    s            = squeeze(m, v)
    logits       = W s + b, or BN_k(W s)
    lambda       = gate(logits)
    scale        = (lambda gamma) / sigma,   shift = lambda beta + (m - mu) scale

One sample, or one block of channels, is the work of one thread, in the order that is written here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types

from an_cli.kernels.frame import BLOCK, GateKind, HeadKind, SqueezeKind, Standardization, Word
from an_cli.kernels.lanes import Element, make_pointer, make_vector, put_word, real, word
from an_cli.kernels.passes import NARROW, WIDE, compiled

BATCH, TRACKED, GROUP = (int(kind) for kind in Standardization)
HEAD_A1, HEAD_BATCH, HEAD_TRACKED = (int(kind) for kind in HeadKind)
MEAN_ONLY, MEAN_STD, RSD = (int(kind) for kind in SqueezeKind)
SIGMOID, SOFTMAX, HSIGMOID = (int(kind) for kind in GateKind)


class Attention(NamedTuple):
    """The steps; each takes the frame's address, those of one sample also its number, `batch` a block's."""

    prepare: Callable[..., Any]  # what evaluation reads off the running statistics
    group: Callable[..., Any]
    batch: Callable[..., Any]
    squeeze: Callable[..., Any]
    head: Callable[..., Any]
    mix: Callable[..., Any]
    track: Callable[..., Any]


class Memory(NamedTuple):
    """Ways to an array in memory: number(x) casts, row(frame, slot, i, length) is row i, dot multiplies two of them."""

    number: types.Type
    size: int
    row: Callable[..., Any]
    dot: Callable[..., Any]


def make_memory(element: Element) -> Memory:
    """Arrays of statistics, float32 or float64."""
    number, size, pointer = element.scalar, element.size, make_pointer(element.scalar)
    dot_w, dot_n, dot_1 = (_dot(element, width) for width in (WIDE, NARROW, 1))

    @compiled
    def row(frame: int, slot: int, i: int, length: int) -> Any:
        return pointer(word(frame, slot) + i * length * size)

    @compiled
    def dot(a: int, b: int, length: int) -> Any:
        wide, narrow = length - length % WIDE, length - length % NARROW
        return dot_w(a, b, 0, wide) + dot_n(a, b, wide, narrow) + dot_1(a, b, narrow, length)

    return Memory(number, size, row, dot)


def _dot(element: Element, width: int) -> Callable[..., Any]:
    vector = make_vector(element, width)
    load, fma, zero, total = vector.load, vector.fma, vector.zero, vector.total

    @compiled
    def dot(a: int, b: int, first: int, last: int) -> Any:
        s = zero()
        for i in range(first, last, width):
            s = fma(load(a, i), load(b, i), s)
        return total(s)

    return dot


def make_attention(element: Element) -> Attention:
    """Make the steps for statistics of such elements."""
    number, size, row, dot = make_memory(element)
    block_n, block_1 = (_batch_moments(element, width) for width in (NARROW, 1))

    @compiled
    def prepare(f: int) -> None:
        c, k = word(f, Word.C), word(f, Word.K)
        if word(f, Word.STANDARDIZATION) == TRACKED:
            eps = number(real(f, Word.EPS))
            mean, var = row(f, Word.RUNNING_MEAN, 0, c), row(f, Word.RUNNING_VAR, 0, c)
            mu, inverse = row(f, Word.MU, 0, c), row(f, Word.INVERSE, 0, c)
            for i in range(c):
                mu[i], inverse[i] = mean[i], number(1) / math.sqrt(var[i] + eps)
        if word(f, Word.HEAD) == HEAD_TRACKED:
            eps = number(real(f, Word.HEAD_EPS))
            mean, var = row(f, Word.HEAD_RUNNING_MEAN, 0, k), row(f, Word.HEAD_RUNNING_VAR, 0, k)
            mu, inverse = row(f, Word.HEAD_MEAN, 0, k), row(f, Word.HEAD_INVERSE, 0, k)
            for i in range(k):
                mu[i], inverse[i] = mean[i], number(1) / math.sqrt(var[i] + eps)

    @compiled
    def group(f: int, n: int) -> None:
        c, groups, eps = word(f, Word.C), word(f, Word.GROUPS), number(real(f, Word.EPS))
        m, v = row(f, Word.MEAN, n, c), row(f, Word.VAR, n, c)
        mu, inverse = row(f, Word.MU, n, c), row(f, Word.INVERSE, n, c)
        each = c // groups
        for g in range(groups):
            first = g * each
            mean, var = number(0), number(0)
            for i in range(first, first + each):
                mean += m[i]
            mean /= number(each)
            for i in range(first, first + each):
                var += v[i] + (m[i] - mean) * (m[i] - mean)
            r = number(1) / math.sqrt(var / number(each) + eps)
            for i in range(first, first + each):
                mu[i], inverse[i] = mean, r

    @compiled
    def batch(f: int, block: int) -> None:
        c = word(f, Word.C)
        first, last = block * BLOCK, min((block + 1) * BLOCK, c)
        narrow = last - (last - first) % NARROW
        block_n(f, first, narrow)
        block_1(f, narrow, last)

    @compiled
    def squeeze(f: int, n: int) -> None:
        c, p, k, features = word(f, Word.C), word(f, Word.P), word(f, Word.K), word(f, Word.F)
        m, v, s = row(f, Word.MEAN, n, c), row(f, Word.VAR, n, c), row(f, Word.SQUEEZED, n, features)
        kind, eps, unbiased = word(f, Word.SQUEEZE), number(real(f, Word.SQUEEZE_EPS)), number(p / max(p - 1, 1))
        if word(f, Word.INSIDE):
            own = n if word(f, Word.STANDARDIZATION) == GROUP else 0
            mu, inverse = row(f, Word.MU, own, c), row(f, Word.INVERSE, own, c)
            for i in range(c):
                m_in, v_in = (m[i] - mu[i]) * inverse[i], v[i] * inverse[i] * inverse[i]
                if kind == RSD:
                    s[i] = m_in / math.sqrt(v_in * unbiased + eps)
                else:
                    s[i] = m_in
                if kind == MEAN_STD:
                    s[c + i] = math.sqrt(v_in * unbiased + eps)
        elif kind == RSD:
            for i in range(c):
                s[i] = m[i] / math.sqrt(v[i] * unbiased + eps)
        else:
            for i in range(c):
                s[i] = m[i]
            if kind == MEAN_STD:
                for i in range(c):
                    s[c + i] = math.sqrt(v[i] * unbiased + eps)
        z, bias = row(f, Word.LOGITS, n, k), word(f, Word.BIAS)
        own_s, weight = word(f, Word.SQUEEZED) + n * features * size, word(f, Word.WEIGHT)
        for j in range(k):
            z[j] = dot(own_s, weight + j * features * size, features)
        if bias:
            b = row(f, Word.BIAS, 0, k)
            for j in range(k):
                z[j] += b[j]

    @compiled
    def head(f: int) -> None:
        n, k, eps = word(f, Word.N), word(f, Word.K), number(real(f, Word.HEAD_EPS))
        mean, var, inverse = row(f, Word.HEAD_MEAN, 0, k), row(f, Word.HEAD_VAR, 0, k), row(f, Word.HEAD_INVERSE, 0, k)
        for j in range(k):
            mean[j], var[j] = number(0), number(0)
        for i in range(n):
            z = row(f, Word.LOGITS, i, k)
            for j in range(k):
                mean[j] += z[j]
        for j in range(k):
            mean[j] /= number(n)
        for i in range(n):
            z = row(f, Word.LOGITS, i, k)
            for j in range(k):
                var[j] += (z[j] - mean[j]) * (z[j] - mean[j])
        for j in range(k):
            var[j] /= number(n)
            inverse[j] = number(1) / math.sqrt(var[j] + eps)

    @compiled
    def mix(f: int, n: int) -> None:
        c, k, gate = word(f, Word.C), word(f, Word.K), word(f, Word.GATE)
        z, weights = row(f, Word.LOGITS, n, k), row(f, Word.LAMBDA, n, k)
        if word(f, Word.HEAD) == HEAD_A1:
            for j in range(k):
                weights[j] = z[j]
        else:
            mean, inverse = row(f, Word.HEAD_MEAN, 0, k), row(f, Word.HEAD_INVERSE, 0, k)
            scale, shift = row(f, Word.HEAD_GAMMA, 0, k), row(f, Word.HEAD_BETA, 0, k)
            for j in range(k):
                z[j] = (z[j] - mean[j]) * inverse[j]
                weights[j] = z[j] * scale[j] + shift[j]
        if gate == HSIGMOID:
            for j in range(k):
                weights[j] = min(max(weights[j] + number(3), number(0)), number(6)) / number(6)
        elif gate == SIGMOID:
            for j in range(k):
                weights[j] = number(1) / (number(1) + math.exp(-weights[j]))
        else:
            highest, total = weights[0], number(0)
            for j in range(k):
                highest = max(highest, weights[j])
            for j in range(k):
                weights[j] = math.exp(weights[j] - highest)
                total += weights[j]
            for j in range(k):
                weights[j] /= total
        a, t, m = row(f, Word.SCALE, n, c), row(f, Word.SHIFT, n, c), row(f, Word.MEAN, n, c)
        for i in range(c):
            a[i], t[i] = number(0), number(0)
        for j in range(k):
            gamma, beta, weight = row(f, Word.GAMMA, j, c), row(f, Word.BETA, j, c), weights[j]
            for i in range(c):
                a[i] += weight * gamma[i]
                t[i] += weight * beta[i]
        own = n if word(f, Word.STANDARDIZATION) == GROUP else 0
        mu, inverse_c = row(f, Word.MU, own, c), row(f, Word.INVERSE, own, c)
        for i in range(c):
            a[i] *= inverse_c[i]
            t[i] += (m[i] - mu[i]) * a[i]

    @compiled
    def track(f: int) -> None:
        n, p = word(f, Word.N), word(f, Word.P)
        if word(f, Word.BATCHES):
            mean, var, weight = Word.RUNNING_MEAN, Word.RUNNING_VAR, number(real(f, Word.MOMENTUM))
            _take(row(f, mean, 0, 0), row(f, Word.MU, 0, 0), word(f, Word.C), weight, number(1))
            unbiased = number(n * p / (n * p - 1))
            _take(row(f, var, 0, 0), row(f, Word.BATCH_VAR, 0, 0), word(f, Word.C), weight, unbiased)
            put_word(word(f, Word.BATCHES), 0, word(word(f, Word.BATCHES), 0) + 1)
        if word(f, Word.HEAD_BATCHES):
            mean, var, weight = Word.HEAD_RUNNING_MEAN, Word.HEAD_RUNNING_VAR, number(real(f, Word.HEAD_MOMENTUM))
            _take(row(f, mean, 0, 0), row(f, Word.HEAD_MEAN, 0, 0), word(f, Word.K), weight, number(1))
            _take(row(f, var, 0, 0), row(f, Word.HEAD_VAR, 0, 0), word(f, Word.K), weight, number(n / (n - 1)))
            put_word(word(f, Word.HEAD_BATCHES), 0, word(word(f, Word.HEAD_BATCHES), 0) + 1)

    return Attention(prepare, group, batch, squeeze, head, mix, track)


@compiled
def _take(running: Any, new: Any, count: int, weight: float, factor: float) -> None:
    """Move running statistics towards those of a batch times a factor, by a weight."""
    for i in range(count):
        running[i] += weight * (new[i] * factor - running[i])


def _batch_moments(element: Element, width: int) -> Callable[..., Any]:
    """Batch statistics of channels first to last from those of the instances, for one width."""
    vector = make_vector(element, width)
    load, store, zero, fill = vector.load, vector.store, vector.zero, vector.fill
    add, sub, mul, fma = vector.add, vector.sub, vector.mul, vector.fma
    number = element.scalar
    lane = make_pointer(number)

    @compiled
    def moments(f: int, first: int, last: int) -> None:
        n, c, eps = word(f, Word.N), word(f, Word.C), number(real(f, Word.EPS))
        m, v = word(f, Word.MEAN), word(f, Word.VAR)
        inverse, var_c = lane(word(f, Word.INVERSE)), lane(word(f, Word.BATCH_VAR))
        share = fill(number(1) / number(n))
        for j in range(first, last, width):
            mu, var = zero(), zero()
            for i in range(n):
                mu = add(mu, load(m, i * c + j))
            mu = mul(mu, share)
            for i in range(n):
                d = sub(load(m, i * c + j), mu)
                var = add(var, fma(d, d, load(v, i * c + j)))
            store(word(f, Word.MU), j, mu)
            store(word(f, Word.BATCH_VAR), j, mul(var, share))
        for j in range(first, last):
            inverse[j] = number(1) / math.sqrt(var_c[j] + eps)

    return moments
