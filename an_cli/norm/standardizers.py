"""Block-wise standardization (Eqn. 1-2) from instance moments.

x_hat = (x - mu) / sqrt(var + eps), where a block is a channel over the batch (BN) or a group of channels of one sample
(GN). A block's moments follow from those of its instances: mu = mean(m), var = mean(v) + mean((m - mu)^2). All sums are
of squares, so nothing cancels. A standardizer returns mu and 1 / sqrt(var + eps), broadcastable to N x C.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from an_cli.errors import ConfigError
from an_cli.norm.moments import Centered


class BatchStandardizer(_BatchNorm):
    """Mean and inverse standard deviation per channel, over the batch in training, tracked in evaluation.

    As nn.BatchNorm2d without affine parameters: biased variance to standardize, unbiased for the running update. It is
    one to tools that look for batch norms: `swa_utils.update_bn` resets its statistics and averages them anew.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: weight of the new batch in the running statistics, 0 to 1; set to None later, they become the plain
            average of all batches since `reset_running_stats`.

    Source: Eqn. 1-2.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, *, eps: float, momentum: float) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, affine=False)

    def forward(self, x: Centered) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return mu and 1/sigma, each of shape (C,).

        Raises:
            ConfigError: one value per channel in training: it has no variance.
        """
        mu_c, var_c = self.moments(x)
        return mu_c, (var_c + self.eps).rsqrt()

    def moments(self, x: Centered) -> tuple[Tensor, Tensor]:
        """Return mu and the biased variance of the batch and track them, or in evaluation the tracked ones."""
        if not self.training:
            return self.running_mean, self.running_var
        between_c, mu_c = torch.var_mean(x.mean_nc, 0, correction=0)
        var_c = x.var_nc.mean(0) + between_c
        values = x.mean_nc.shape[0] * x.pixels
        self.check_values(values)
        track(self, mu_c.detach(), var_c.detach(), values=values)
        return mu_c, var_c

    @staticmethod
    def check_values(values: int) -> None:
        """Refuse a batch that has no variance.

        Raises:
            ConfigError: fewer than two values per channel.
        """
        if values < 2:
            raise ConfigError(
                f"BN got {'one value' if values else 'no value'} per channel in training "
                f"({'one sample of 1x1 pixels' if values else 'an empty batch'}), which has no variance",
                where="recipe.batch_per_replica",
                now="give each replica 2 or more samples, in the last batch as well, or larger images",
            )

    def extra_repr(self) -> str:
        return f"{self.running_mean.numel()}, eps={self.eps}, momentum={self.momentum}"


@torch.no_grad()
def track(bn: _BatchNorm, mean: Tensor, var: Tensor, *, values: int) -> None:
    """Take a batch's mean and biased variance into a batch norm's running statistics, as PyTorch does: unbiased.

    Args:
        bn: whose running statistics.
        mean: of the batch, per channel.
        var: of the batch, biased.
        values: how many values per channel it had, 2 or more.
    """
    assert bn.running_mean is not None
    assert bn.running_var is not None
    assert bn.num_batches_tracked is not None
    bn.num_batches_tracked.add_(1)
    weight = 1.0 / float(bn.num_batches_tracked) if bn.momentum is None else bn.momentum
    bn.running_mean.lerp_(mean.to(bn.running_mean.dtype), weight)
    bn.running_var.lerp_((var * (values / (values - 1))).to(bn.running_var.dtype), weight)


class GroupStandardizer(nn.Module):
    """Mean and inverse standard deviation per sample and group of channels; the same in training and evaluation.

    Args:
        groups: number of groups; it divides the channels.
        eps: added to the variance.

    Source: Eqn. 1-2; Wu and He, 2018.
    """

    def __init__(self, groups: int, *, eps: float) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps

    def forward(self, x: Centered) -> tuple[Tensor, Tensor]:
        """Return mu and 1/sigma, each of shape (N, C)."""
        n, c = x.mean_nc.shape
        m_ngi, v_ngi = (t.view(n, self.groups, c // self.groups) for t in (x.mean_nc, x.var_nc))
        mu_ng1 = m_ngi.mean(2, keepdim=True)
        var_ng1 = (v_ngi + (m_ngi - mu_ng1).square()).mean(2, keepdim=True)
        inverse_ng1 = (var_ng1 + self.eps).rsqrt()
        return mu_ng1.expand_as(m_ngi).reshape(n, c), inverse_ng1.expand_as(m_ngi).reshape(n, c)

    def extra_repr(self) -> str:
        return f"groups={self.groups}, eps={self.eps}"
