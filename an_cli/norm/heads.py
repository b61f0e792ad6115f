"""Attention heads (Eqn. 12): from the squeezed statistic to K attention logits."""

from __future__ import annotations

from torch import Tensor, nn

from an_cli.config.schema import Head
from an_cli.errors import ConfigError
from an_cli.norm.initial import he_normal


def _as_weights(fc: nn.Linear, s_nf: Tensor) -> Tensor:
    """The input in the weights' type; a layer that was quantized dynamically takes it as it is."""
    return s_nf.to(fc.weight.dtype) if isinstance(fc.weight, Tensor) else s_nf


class A1(nn.Module):
    """A fully connected layer with bias: logits = W s + b.

    Args:
        features: width of the statistic.
        components: K.

    Source: Eqn. 12; the bias is the released code's.
    """

    def __init__(self, features: int, components: int) -> None:
        super().__init__()
        self.fc = nn.Linear(features, components)

    def forward(self, s_nf: Tensor) -> Tensor:
        out: Tensor = self.fc(_as_weights(self.fc, s_nf))
        return out

    def reset_parameters(self) -> None:
        """He normal (fan-out, std = sqrt(2/K)); bias 0."""
        he_normal(self.fc.weight)
        nn.init.zeros_(self.fc.bias)


class A2(nn.Module):
    """A fully connected layer, then BN over the samples: logits = BN_K(W s).

    The BN normalizes each of the K logits over the samples of the local replica, with its own affine parameters and
    running statistics; it makes a bias of the layer before it useless.

    Args:
        features: width of the statistic.
        components: K.
        eps: of the BN.
        momentum: of the BN's running statistics.

    Source: Eqn. 12; Table 1 row 4 is without the BN.
    """

    def __init__(self, features: int, components: int, *, eps: float, momentum: float) -> None:
        super().__init__()
        self.fc = nn.Linear(features, components, bias=False)
        self.bn = nn.BatchNorm1d(components, eps=eps, momentum=momentum)

    def forward(self, s_nf: Tensor) -> Tensor:
        """Return the logits.

        Raises:
            ConfigError: one sample in training: it has no batch statistics.
        """
        if self.training:
            self.check_samples(s_nf.shape[0])
        out: Tensor = self.bn(self.fc(_as_weights(self.fc, s_nf)))
        return out

    @staticmethod
    def check_samples(samples: int) -> None:
        """Refuse a batch in training that has no statistics over its samples.

        Raises:
            ConfigError: fewer than two.
        """
        if samples < 2:
            raise ConfigError(
                f"head a2 normalizes its attention over a replica's samples and got {samples} in training",
                where="norm.attention.head",
                now="give each replica 2 or more samples, in the last batch as well (recipe.batch_per_replica), "
                "or set norm.attention.head=a1",
            )

    def reset_parameters(self) -> None:
        """He normal (fan-out, std = sqrt(2/K)); BN 1 and 0."""
        he_normal(self.fc.weight)
        self.bn.reset_parameters()


def make_head(kind: Head, features: int, components: int, *, eps: float, momentum: float) -> A1 | A2:
    """Build the head of that name, initialized."""
    match kind:
        case Head.A1:
            head: A1 | A2 = A1(features, components)
        case Head.A2:
            head = A2(features, components, eps=eps, momentum=momentum)
    head.reset_parameters()
    return head
