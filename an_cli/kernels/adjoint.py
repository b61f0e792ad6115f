"""Everything between the passes over the map, backward: from the two sums of each channel to dx's slope and constant.

With g the gradient of the output, S1 = sum(g) and S2 = sum(g (x - m)) over the pixels of a channel of a sample:

    d beta_n  = S1,   d scale = S2 + (m - mu) S1,   d gamma_n = d scale / sigma,   d(1/sigma) = d scale gamma_n
    d lambda  = gamma d gamma_n + beta d beta_n     and back through gate, head and squeeze to m and v
    d mu      = - scale S1                          (the mean that is taken off and added again has no part in it)
    dx        = g scale + (x - m) 2 dv / p + dm / p

where dm and dv take in what came through mu and sigma. Source: Section 3.3; the chain rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from an_cli.kernels.attention import (
    BATCH,
    GROUP,
    HEAD_A1,
    HEAD_BATCH,
    HSIGMOID,
    MEAN_ONLY,
    MEAN_STD,
    SIGMOID,
    make_memory,
)
from an_cli.kernels.frame import BLOCK, Word
from an_cli.kernels.lanes import Element, real, word
from an_cli.kernels.passes import compiled


class Adjoint(NamedTuple):
    """The steps; each takes the frame's address, and the number of a sample, a component or a block of channels."""

    mixture: Callable[..., Any]  # of a sample: to the logits
    head: Callable[..., Any]
    parameters: Callable[..., Any]  # of a component
    squeeze: Callable[..., Any]  # of a sample: to its moments
    batch: Callable[..., Any]  # of a block of channels
    finish: Callable[..., Any]  # of a sample: slope and constant


def make_adjoint(element: Element) -> Adjoint:
    """Make the steps for statistics of such elements."""
    number, size, row, dot = make_memory(element)

    @compiled
    def mixture(f: int, n: int) -> None:
        c, k, gate = word(f, Word.C), word(f, Word.K), word(f, Word.GATE)
        own = n if word(f, Word.STANDARDIZATION) == GROUP else 0
        m, a = row(f, Word.MEAN, n, c), row(f, Word.SCALE, n, c)
        mu, inverse = row(f, Word.MU, own, c), row(f, Word.INVERSE, own, c)
        s1, s2, d_inverse = row(f, Word.D_BETA_NC, n, c), row(f, Word.D_GAMMA_NC, n, c), row(f, Word.D_INVERSE, n, c)
        d_mu = row(f, Word.D_MU, n, c)
        for i in range(c):
            d_scale = s2[i] + (m[i] - mu[i]) * s1[i]
            s2[i] = d_scale * inverse[i]
            d_inverse[i] = d_scale * a[i] / inverse[i]
            d_mu[i] = -a[i] * s1[i]
        weights, d_z = row(f, Word.LAMBDA, n, k), row(f, Word.D_LOGITS, n, k)
        here, step = n * c * size, c * size
        for j in range(k):
            d_z[j] = dot(word(f, Word.D_GAMMA_NC) + here, word(f, Word.GAMMA) + j * step, c) + dot(
                word(f, Word.D_BETA_NC) + here, word(f, Word.BETA) + j * step, c
            )
        if gate == HSIGMOID:
            for j in range(k):
                linear = weights[j] > number(0) and weights[j] < number(1)
                d_z[j] = d_z[j] / number(6) if linear else number(0)
        elif gate == SIGMOID:
            for j in range(k):
                d_z[j] *= weights[j] * (number(1) - weights[j])
        else:
            mean = number(0)
            for j in range(k):
                mean += d_z[j] * weights[j]
            for j in range(k):
                d_z[j] = weights[j] * (d_z[j] - mean)

    @compiled
    def head(f: int) -> None:
        n, k, kind = word(f, Word.N), word(f, Word.K), word(f, Word.HEAD)
        if kind == HEAD_A1:
            d_bias = row(f, Word.D_BIAS, 0, k)
            for j in range(k):
                d_bias[j] = number(0)
            for i in range(n):
                d_z = row(f, Word.D_LOGITS, i, k)
                for j in range(k):
                    d_bias[j] += d_z[j]
            return
        inverse, scale = row(f, Word.HEAD_INVERSE, 0, k), row(f, Word.HEAD_GAMMA, 0, k)
        d_scale, d_shift = row(f, Word.D_HEAD_GAMMA, 0, k), row(f, Word.D_HEAD_BETA, 0, k)
        for j in range(k):
            d_scale[j], d_shift[j] = number(0), number(0)
        for i in range(n):
            z, d_z = row(f, Word.LOGITS, i, k), row(f, Word.D_LOGITS, i, k)
            for j in range(k):
                d_scale[j] += d_z[j] * z[j]
                d_shift[j] += d_z[j]
        for i in range(n):
            z, d_z = row(f, Word.LOGITS, i, k), row(f, Word.D_LOGITS, i, k)
            for j in range(k):
                through = (d_shift[j] + z[j] * d_scale[j]) / number(n) if kind == HEAD_BATCH else number(0)
                d_z[j] = (d_z[j] - through) * (scale[j] * inverse[j])

    @compiled
    def parameters(f: int, j: int) -> None:
        n, c, k, features = word(f, Word.N), word(f, Word.C), word(f, Word.K), word(f, Word.F)
        d_gamma, d_beta = row(f, Word.D_GAMMA, j, c), row(f, Word.D_BETA, j, c)
        d_weight = row(f, Word.D_WEIGHT, j, features)
        for i in range(c):
            d_gamma[i], d_beta[i] = number(0), number(0)
        for i in range(features):
            d_weight[i] = number(0)
        for sample in range(n):
            weight, d_z = row(f, Word.LAMBDA, sample, k)[j], row(f, Word.D_LOGITS, sample, k)[j]
            g, b, s = (
                row(f, Word.D_GAMMA_NC, sample, c),
                row(f, Word.D_BETA_NC, sample, c),
                row(f, Word.SQUEEZED, sample, features),
            )
            for i in range(c):
                d_gamma[i] += weight * g[i]
                d_beta[i] += weight * b[i]
            for i in range(features):
                d_weight[i] += d_z * s[i]

    @compiled
    def squeeze(f: int, n: int) -> None:
        c, p, k, features = word(f, Word.C), word(f, Word.P), word(f, Word.K), word(f, Word.F)
        d_s, d_z = row(f, Word.D_SQUEEZED, n, features), row(f, Word.D_LOGITS, n, k)
        for i in range(features):
            d_s[i] = number(0)
        for j in range(k):
            weight, slope = row(f, Word.WEIGHT, j, features), d_z[j]
            for i in range(features):
                d_s[i] += slope * weight[i]
        m, v, s = row(f, Word.MEAN, n, c), row(f, Word.VAR, n, c), row(f, Word.SQUEEZED, n, features)
        d_m, d_v = row(f, Word.D_MEAN, n, c), row(f, Word.D_VAR, n, c)
        d_mu, d_inverse = row(f, Word.D_MU, n, c), row(f, Word.D_INVERSE, n, c)
        kind, eps, unbiased = word(f, Word.SQUEEZE), number(real(f, Word.SQUEEZE_EPS)), number(p / max(p - 1, 1))
        half, inside, standardization = number(0.5), word(f, Word.INSIDE), word(f, Word.STANDARDIZATION)
        own = n if standardization == GROUP else 0
        mu, inverse = row(f, Word.MU, own, c), row(f, Word.INVERSE, own, c)
        for i in range(c):
            r = inverse[i] if inside else number(1)
            w = v[i] * r * r * unbiased + eps
            if kind == MEAN_ONLY:
                to_m, to_v = d_s[i], number(0)
            elif kind == MEAN_STD:
                to_m, to_v = d_s[i], d_s[c + i] * half * unbiased / s[c + i]
            else:
                to_m, to_v = d_s[i] / math.sqrt(w), -half * d_s[i] * s[i] * unbiased / w
            d_m[i], d_v[i] = to_m * r, to_v * r * r
            if inside:
                d_mu[i] -= to_m * r
                d_inverse[i] += to_m * (m[i] - mu[i]) + number(2) * to_v * v[i] * r
        if standardization == GROUP:
            groups = word(f, Word.GROUPS)
            each = c // groups
            for g in range(groups):
                first = g * each
                of_mu, of_inverse, r = number(0), number(0), inverse[first]
                for i in range(first, first + each):
                    of_mu += d_mu[i]
                    of_inverse += d_inverse[i]
                of_mu, of_var = of_mu / number(each), -half * r * r * r * of_inverse / number(each)
                for i in range(first, first + each):
                    d_m[i] += of_mu + number(2) * of_var * (m[i] - mu[i])
                    d_v[i] += of_var

    @compiled
    def batch(f: int, block: int) -> None:
        n, c = word(f, Word.N), word(f, Word.C)
        of_mu, of_var, inverse = (
            row(f, Word.BATCH_D_MEAN, 0, c),
            row(f, Word.BATCH_D_VAR, 0, c),
            row(f, Word.INVERSE, 0, c),
        )
        first, last = block * BLOCK, min((block + 1) * BLOCK, c)
        for i in range(first, last):
            of_mu[i], of_var[i] = number(0), number(0)
        for sample in range(n):
            d_mu, d_inverse = row(f, Word.D_MU, sample, c), row(f, Word.D_INVERSE, sample, c)
            for i in range(first, last):
                of_mu[i] += d_mu[i]
                of_var[i] += d_inverse[i]
        for i in range(first, last):
            r = inverse[i]
            of_mu[i] /= number(n)
            of_var[i] *= number(-0.5) * r * r * r / number(n)

    @compiled
    def finish(f: int, n: int) -> None:
        c, p = word(f, Word.C), number(word(f, Word.P))
        d_m, d_v = row(f, Word.D_MEAN, n, c), row(f, Word.D_VAR, n, c)
        if word(f, Word.STANDARDIZATION) == BATCH:
            m, mu = row(f, Word.MEAN, n, c), row(f, Word.MU, 0, c)
            of_mu, of_var = row(f, Word.BATCH_D_MEAN, 0, c), row(f, Word.BATCH_D_VAR, 0, c)
            for i in range(c):
                d_m[i] += of_mu[i] + number(2) * of_var[i] * (m[i] - mu[i])
                d_v[i] += of_var[i]
        for i in range(c):
            d_m[i] /= p
            d_v[i] *= number(2) / p

    return Adjoint(mixture, head, parameters, squeeze, batch, finish)
