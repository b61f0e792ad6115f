"""`correct.bin`: which evaluation samples a run got right, so that two rows can be compared sample by sample.

One line of JSON (at most 1 KB), then one plane of bits after another, each padded to whole bytes, samples in data-set
order. The header names the planes (last.top1, last.top5, best.top1, best.top5) and carries the evaluation set's
fingerprint: runs with unequal fingerprints must never be paired. The header's checksum covers itself and the bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from an_cli.errors import StoreError
from an_cli.files import canonical_json

PLANES = ("last.top1", "last.top5", "best.top1", "best.top5")


@dataclass(frozen=True)
class Correct:
    """Packed bits of every plane, for `samples` samples of the set with this fingerprint."""

    samples: int
    fingerprint: str
    planes: Mapping[str, bytes]

    def __hash__(self) -> int:
        return hash((self.samples, self.fingerprint, *self.planes.values()))


def encode(correct: Correct) -> bytes:
    """Bytes of a `correct.bin`."""
    body = b"".join(correct.planes[name] for name in PLANES)
    header = {
        "format": 1,
        "samples": correct.samples,
        "fingerprint": correct.fingerprint,
        "planes": list(PLANES),
    }
    text = canonical_json(header)
    digest = hashlib.sha256(text.encode() + body).hexdigest()
    return f'{text[:-1]},"sha256":"{digest}"}}\n'.encode() + body  # canonical too: no key comes after sha256


def decode(raw: bytes, *, where: str) -> Correct:
    """Read the bytes of a `correct.bin`.

    Raises:
        StoreError: truncated, changed, or of a newer format.
    """
    line, _, body = raw.partition(b"\n")
    try:
        header = json.loads(line)
        samples, names = int(header["samples"]), list(header["planes"])
        length = (samples + 7) // 8
        planes = {str(name): body[index * length : (index + 1) * length] for index, name in enumerate(names)}
        correct = Correct(samples, str(header["fingerprint"]), planes)
        if encode(correct) != raw:
            raise ValueError("the bits do not match the header")
        return correct
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StoreError(
            f"correct.bin is damaged: {error}",
            where=where,
            now="the run's numbers stand; per-sample comparison does not",
        ) from error
