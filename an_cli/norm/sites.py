"""Where the plain norms of any network stand: which convolution each follows, and which comes after it.

A network is read in the order in which its modules are registered, which in torchvision and timm is the order in which
they run.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

PlainNorm = nn.BatchNorm2d | nn.SyncBatchNorm | nn.GroupNorm
_LEVELS = 2  # how far below their block a block's convolutions stand: `block.conv2`, or `block.conv2.conv`


@dataclass(frozen=True, kw_only=True)
class NormSite:
    """A plain norm in a network, as a rule for choosing norms sees it.

    `before` is the convolution registered before the norm if it puts out the norm's channels, `after` the convolution
    registered next if it takes them in; either may be missing. `same_block` says whether the two stand in one block.
    """

    name: str
    norm: PlainNorm
    channels: int
    before: nn.Conv2d | None
    after: nn.Conv2d | None
    same_block: bool


def second_of_bottleneck(site: NormSite) -> bool:
    """Choose the norm between a spatial convolution and the pointwise one after it, in one block.

    That is the second norm of a ResNet's bottleneck and the norm after the depthwise convolution of an inverted
    residual; not the stem's, and nothing in blocks of two 3x3 convolutions.

    Source: Section 3.4.
    """
    return site.same_block and _spatial(site.before) and site.after is not None and not _spatial(site.after)


def every_norm(site: NormSite) -> bool:
    """Choose every plain norm."""
    return True


def norm_sites(model: nn.Module) -> list[NormSite]:
    """All plain norms below a network's root, in the order in which they are registered."""
    known = (nn.Conv2d, nn.BatchNorm2d, nn.SyncBatchNorm, nn.GroupNorm)
    found: list[tuple[str, nn.Module]] = [
        (name, module) for name, module in model.named_modules() if name and isinstance(module, known)
    ]
    return [
        _site(name, module, found[:index], found[index + 1 :])
        for index, (name, module) in enumerate(found)
        if isinstance(module, PlainNorm)
    ]


def _site(
    name: str, norm: PlainNorm, earlier: list[tuple[str, nn.Module]], later: list[tuple[str, nn.Module]]
) -> NormSite:
    channels = norm.num_channels if isinstance(norm, nn.GroupNorm) else norm.num_features
    before_name, before = earlier[-1] if earlier else ("", None)
    after_name, after = next(((n, m) for n, m in later if isinstance(m, nn.Conv2d)), ("", None))
    return NormSite(
        name=name,
        norm=norm,
        channels=channels,
        before=before if isinstance(before, nn.Conv2d) and before.out_channels == channels else None,
        after=after if isinstance(after, nn.Conv2d) and after.in_channels == channels else None,
        same_block=_same_block(before_name, after_name),
    )


def _same_block(one: str, other: str) -> bool:
    """Whether two modules stand at most two levels below one that holds both and is not the network itself."""
    ours, theirs = one.split("."), other.split(".")
    shared = 0
    while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
        shared += 1
    return shared > 0 and max(len(ours), len(theirs)) - shared <= _LEVELS


def _spatial(convolution: nn.Conv2d | None) -> bool:
    return convolution is not None and max(convolution.kernel_size) > 1
