"""Which tensors of a checkpoint are a network's: savers put them into containers and behind prefixes.

Training scripts save `{"model": ...}` beside an optimizer, wrappers (DDP, torch.compile, Lightning) put a prefix
before every name, and some files hold a moving average beside the weights. Instead of a list of all their habits, every
mapping of tensors in the file is held against the network's names, behind any prefix.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from an_cli.errors import DataError
from an_cli.models.torch_file import TENSORS_ALONE, class_of

_DEEPEST = 4  # mappings within each other
_OTHERS = re.compile(r"optim|sched|scaler|grad|rng|callback|loop|hyper|args|config|cfg", re.IGNORECASE)
_EMA = re.compile(r"(^|[^a-z])(ema|swa|polyak|averaged?|shadow)([^a-z]|$)", re.IGNORECASE)
# What wrappers of a part put into the middle of a name; no network of ours has such parts.
_WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Weights:
    """A set of tensors in a file that may be a network's.

    Attributes:
        path: keys that lead to it: ("state_dict",).
        prefix: before each of its names in the file.
        tensors: by name, without the prefix.
        beside: names in the same mapping that do not have the prefix.
        matches: how many of the network's names it has.
    """

    path: tuple[str, ...]
    prefix: str
    tensors: Mapping[str, Tensor]
    beside: tuple[str, ...]
    matches: int

    @property
    def average(self) -> bool:
        """Whether it is called a moving average."""
        return "n_averaged" in self.beside or any(_EMA.search(part) for part in (*self.path, self.prefix))

    @property
    def text(self) -> str:
        """For example "state_dict, without the prefix module."."""
        parts = ["/".join(self.path)] if self.path else []
        parts += [f"without the prefix {self.prefix}"] if self.prefix else []
        return ", ".join(parts)


def choose(content: object, names: Set[str], file: Path, *, ema: bool) -> tuple[Weights, str]:
    """The tensors of a network in what a file holds.

    Args:
        content: what the file holds.
        names: of the network's tensors, in every naming that is read.
        file: for messages.
        ema: take the moving average.

    Returns:
        The tensors, and a text that says which were taken and which others there are; empty for a plain state dict.

    Raises:
        DataError: no tensors by name, no moving average, or several sets that fit and differ.
    """
    mappings = list(_mappings(content))
    if not mappings:
        raise DataError(f"holds no tensors by name: {_content(content)}", where=str(file), now=TENSORS_ALONE)
    everything = [weights for path, tensors in mappings for weights in _behind_prefixes(path, tensors, names)]
    if not everything:  # nothing fits: the largest is compared, so that the message says how
        path, tensors = max(mappings, key=lambda item: len(item[1]))
        everything = [Weights(path, "", tensors, (), 0)]
    averages = [weights for weights in everything if weights.average]
    plain = [weights for weights in everything if not weights.average]
    if ema and not averages:
        held = ", ".join(weights.text or "a plain state dict" for weights in plain)
        raise DataError(f"holds no moving average (EMA): {held}", where=str(file), now="leave --ema away")
    chosen = _only(averages if ema else plain or averages, file)
    return chosen, _averages_text(chosen, averages if plain and not ema else [])


def largest(content: object, file: Path) -> dict[str, Tensor]:
    """The largest mapping of tensors that is no moving average, or the moving average where there is nothing else.

    Raises:
        DataError: there is none.
    """
    mappings = [Weights(path, "", tensors, (), len(tensors)) for path, tensors in _mappings(content)]
    if not mappings:
        raise DataError(f"holds no tensors by name: {_content(content)}", where=str(file), now=TENSORS_ALONE)
    return dict(max(mappings, key=lambda weights: (not weights.average, weights.matches)).tensors)


def _averages_text(chosen: Weights, averages: Sequence[Weights]) -> str:
    parts = [chosen.text or "the plain state dict"] if chosen.text or averages else []
    if averages:
        parts.append(f"a moving average is there too ({averages[0].text}): --ema takes it")
    if chosen.average:
        parts.append("a moving average (EMA)")
    if chosen.beside:
        parts.append(f"left out: {_some(chosen.beside)}")
    return "; ".join(parts)


def _only(sets: Sequence[Weights], file: Path) -> Weights:
    """The set that fits best.

    Raises:
        DataError: several fit as well and differ.
    """
    most = max(weights.matches for weights in sets)
    best = [weights for weights in sets if weights.matches == most]
    if any(not _equal(best[0].tensors, other.tensors) for other in best[1:]):
        named = " and ".join(weights.text or "the file itself" for weights in best[:_SHOWN])
        raise DataError(
            f"{len(best)} sets of tensors fit the network: {named}",
            where=str(file),
            now="save the one you mean alone: torch.save(torch.load(FILE)[KEY], NEW)",
        )
    return best[0]


def _equal(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    return some.keys() == others.keys() and all(
        tensor is others[name] or (tensor.shape == others[name].shape and torch.equal(tensor, others[name]))
        for name, tensor in some.items()
    )


def _mappings(content: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Tensor]]]:
    """Every mapping that holds tensors by name, but for an optimizer's and the like."""
    if not isinstance(content, Mapping) or len(path) > _DEEPEST:
        return
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield path, {_WRAPPERS.sub("", name): tensor for name, tensor in tensors.items()}
    for key, value in content.items():
        if isinstance(key, str) and not _OTHERS.search(key):
            yield from _mappings(value, (*path, key))


def _behind_prefixes(path: tuple[str, ...], tensors: Mapping[str, Tensor], names: Set[str]) -> Iterator[Weights]:
    """The sets of a mapping that have at least a quarter of the names, each behind one prefix."""
    counts: Counter[str] = Counter()
    for key in tensors:
        counts.update(key.removesuffix(name) for name in _endings(key) if name in names)
    most = max(counts.values(), default=0)
    for prefix, count in counts.items():
        if 4 * count >= len(names) // 2 and 2 * count >= most:  # `names` are in two namings
            inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            yield Weights(path, prefix, inside, tuple(name for name in tensors if not name.startswith(prefix)), count)


def _endings(key: str) -> Iterator[str]:
    """The key, and what is behind each of its dots."""
    yield key
    while key := key.partition(".")[2]:
        yield key


def _content(content: object) -> str:
    """What there is instead of tensors; an object is named by its class."""
    if isinstance(content, Mapping):
        entries = (f"{key} ({class_of(value)})" for key, value in content.items())
        return f"it has {_some(entries)}" if content else "it is empty"
    return f"it is of class {class_of(content)}"


def _some(names: Iterator[str] | Sequence[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
