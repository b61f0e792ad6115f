"""Attentive normalization (Section 3.3): standardize, attend, mix, re-calibrate.

    x_hat      = (x - mu) / sigma                        block-wise standardization (Eqn. 1-2)
    lambda_n   = gate(head(squeeze(x_n)))                instance-specific attention (Eqn. 12)
    gamma_n    = sum_k lambda_nk gamma_k                 mixture of K affine transformations (Eqn. 8-9)
    beta_n     = sum_k lambda_nk beta_k
    out_n      = gamma_n x_hat_n + beta_n                re-calibration

With x = d + m, d centered per instance, the last line is one pass over d:

    out_n      = d_n * (gamma_n / sigma) + (m_n - mu) * (gamma_n / sigma) + beta_n

Shapes: n samples, k components, c channels, f squeezed features.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import StrEnum
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from an_cli.config.schema import AttentionInput, Gate, Head, Squeeze, Standardize
from an_cli.errors import ConfigError, nearest
from an_cli.norm.fused import normalize, runs_fused
from an_cli.norm.gates import GateActivation
from an_cli.norm.heads import make_head
from an_cli.norm.mixture import Mixture
from an_cli.norm.moments import Centered, center, full_precision, recalibrate
from an_cli.norm.squeezes import squeeze as squeezed
from an_cli.norm.squeezes import squeezed_features
from an_cli.norm.standardizers import BatchStandardizer, GroupStandardizer

_Word = TypeVar("_Word", bound=StrEnum)


class AttentiveNorm2d(nn.Module):
    """Attentive normalization of a batch of feature maps.

    Statistics, attention and mixture are computed in float32 or better, also under autocast; the output has the input's
    dtype. On a CPU compiled kernels do the work where they can (`an_cli.norm.fused` says when). The submodule
    `attention` puts out lambda (N, K), so a forward hook on it records lambda; a layer with such hooks runs its parts
    one by one.

    Args:
        channels: C.
        components: K, number of affine transformations, 1 or more.
        standardize: bn or gn.
        squeeze: mean, mean_std or rsd.
        head: a1 or a2. A2 needs 2 or more samples per replica in training.
        gate: sigmoid, softmax or hsigmoid.
        input: what the attention looks at: raw x, or the standardized x_hat (footnote 2).
        groups: number of groups, with gn and only with it; divides C.
        eps: of the standardization and of A2's BN.
        momentum: of the running statistics (bn) and of A2's BN.
        squeeze_eps: inside the root of the instance's standard deviation.

    Shape:
        (N, C, H, W) -> (N, C, H, W); channels-last inputs keep their layout.

    Raises:
        ConfigError: unknown word, K below 1, or groups that do not fit.

    Source: Section 3.3, Eqn. 8-12.
    """

    activates = True  # see `an_cli.norm.fused.activated`

    def __init__(
        self,
        channels: int,
        components: int,
        *,
        standardize: Standardize | str = "bn",
        squeeze: Squeeze | str = "rsd",
        head: Head | str = "a2",
        gate: Gate | str = "hsigmoid",
        input: AttentionInput | str = "raw",
        groups: int | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
        squeeze_eps: float = 1e-3,
    ) -> None:
        super().__init__()
        if components < 1:
            raise ConfigError(
                f"K={components} is below 1", where="norm.attention.components", now="every K is 1 or more"
            )
        self.channels, self.components, self.squeeze_eps = channels, components, squeeze_eps
        self.squeeze = _word(Squeeze, squeeze, "norm.attention.squeeze")
        self.input = _word(AttentionInput, input, "norm.attention.input")
        kind = _word(Standardize, standardize, "norm.standardize")
        self.standardizer = _standardizer(kind, channels, groups=groups, eps=eps, momentum=momentum)
        features = squeezed_features(self.squeeze, channels)
        head_kind = _word(Head, head, "norm.attention.head")
        self.attention = nn.Sequential(
            OrderedDict(
                head=make_head(head_kind, features, components, eps=eps, momentum=momentum),
                gate=GateActivation(_word(Gate, gate, "norm.attention.gate")),
            )
        )
        self.mixture = Mixture(components, channels)

    def forward(self, x_nchw: Tensor, highest: float = 0.0) -> Tensor:
        """Normalize a map, and activate it where the caller would: `highest` is inf for a ReLU, 6 for a ReLU6."""
        self._check(x_nchw)
        if type(self) is AttentiveNorm2d and runs_fused(self, x_nchw):  # a subclass may compute something else
            return normalize(self, x_nchw, highest)
        out = self._composed(x_nchw)
        if not highest:
            return out
        return F.relu(out) if highest == math.inf else F.hardtanh(out, 0.0, highest)

    def _composed(self, x_nchw: Tensor) -> Tensor:
        with full_precision(x_nchw):
            x = center(x_nchw)
            mu, inverse_sigma = self.standardizer(x)
            gamma_nc, beta_nc = self.mixture(self._attend(x, mu, inverse_sigma))
            scale_nc = gamma_nc * inverse_sigma
            shift_nc = torch.addcmul(beta_nc, x.mean_nc - mu, scale_nc)
            return recalibrate(x, scale_nc, shift_nc).to(x_nchw.dtype)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Put a submodule in place; `SyncBatchNorm.convert_sync_batchnorm` leaves the standardizer as it is.

        AN's statistics are those of one process, as in the paper, and a SyncBatchNorm does not take instance moments.
        """
        if name != "standardizer" or not isinstance(module, nn.SyncBatchNorm):
            super().add_module(name, module)

    def attention_weights(self, x_nchw: Tensor) -> Tensor:
        """Return lambda (N, K) for an input, without the output.

        In evaluation mode it changes nothing; in training mode it updates running statistics as a forward pass does.
        """
        self._check(x_nchw)
        with full_precision(x_nchw):
            x = center(x_nchw)
            return self._attend(x, *self.standardizer(x))

    def _attend(self, x: Centered, mu: Tensor, inverse_sigma: Tensor) -> Tensor:
        m_nc, v_nc = x.mean_nc, x.var_nc
        if self.input is AttentionInput.STANDARDIZED:  # the moments of x_hat, without forming it
            m_nc, v_nc = (m_nc - mu) * inverse_sigma, v_nc * inverse_sigma.square()
        s_nf = squeezed(self.squeeze, m_nc, v_nc, pixels=x.pixels, eps=self.squeeze_eps)
        lambda_nk: Tensor = self.attention(s_nf)
        return lambda_nk

    def _check(self, x_nchw: Tensor) -> None:
        if x_nchw.dim() != 4 or x_nchw.shape[1] != self.channels:
            raise ValueError(f"expected an input of shape (N, {self.channels}, H, W), got {tuple(x_nchw.shape)}")

    def extra_repr(self) -> str:
        return f"{self.channels}, K={self.components}, squeeze={self.squeeze}, input={self.input}"


def _standardizer(
    kind: Standardize, channels: int, *, groups: int | None, eps: float, momentum: float
) -> BatchStandardizer | GroupStandardizer:
    if kind is Standardize.SN:
        raise ConfigError("sn under attention", where="norm.standardize", now="legal under attention: bn, gn")
    if (groups is None) is (kind is Standardize.GN):
        raise ConfigError(
            f"groups={groups} with {kind}", where="norm.groups", now="groups belongs to gn, and only to it"
        )
    if groups is None:
        return BatchStandardizer(channels, eps=eps, momentum=momentum)
    if groups < 1 or channels % groups:
        raise ConfigError(
            f"{groups} groups do not divide {channels} channels",
            where="norm.groups",
            now="give a divisor of the channels",
        )
    return GroupStandardizer(groups, eps=eps)


def _word(kind: type[_Word], value: str, where: str) -> _Word:
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"unknown {kind.__name__.lower()} {value!r}", where=where, now=nearest(value, kind)) from None
