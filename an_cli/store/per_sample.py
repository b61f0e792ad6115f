"""`correct.bin`: the per-sample evidence of a run, so that two rows can be compared sample by sample.

One line of JSON (at most 1 KB), then one plane after another, samples in data-set order: bits, each plane padded to
whole bytes (for error rates: 1 where the sample was right), or numbers, 4 bytes a sample (float32, little-endian). The
header names the planes, which the task declares, and carries the evaluation set's fingerprint: runs with unequal
fingerprints must never be paired. The header's checksum covers itself and the planes. The file has its name from the
first task's bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from an_cli.errors import StoreError
from an_cli.files import canonical_json


class Kind(StrEnum):
    """What a plane holds of each sample."""

    BITS = "bits"
    FLOAT32 = "float32"


@dataclass(frozen=True)
class PerSample:
    """Every plane of a run, for `samples` samples of the set with this fingerprint; all planes are of one kind."""

    samples: int
    fingerprint: str
    planes: Mapping[str, bytes]
    kind: Kind = Kind.BITS

    def __hash__(self) -> int:
        return hash((self.samples, self.fingerprint, *self.planes.values()))


def _length(samples: int, kind: Kind) -> int:
    """Bytes of a plane."""
    return (samples + 7) // 8 if kind is Kind.BITS else 4 * samples


def encode(evidence: PerSample) -> bytes:
    """Bytes of a `correct.bin`."""
    body = b"".join(evidence.planes.values())
    header: dict[str, object] = {
        "format": 1,
        "samples": evidence.samples,
        "fingerprint": evidence.fingerprint,
        "planes": list(evidence.planes),
    }
    if evidence.kind is not Kind.BITS:  # a reader of before numbers must refuse the file, not take them for bits
        header |= {"format": 2, "kind": evidence.kind.value}
    text = canonical_json(header)
    digest = hashlib.sha256(text.encode() + body).hexdigest()
    return f'{text[:-1]},"sha256":"{digest}"}}\n'.encode() + body  # canonical too: no key comes after sha256


def decode(raw: bytes, *, where: str) -> PerSample:
    """Read the bytes of a `correct.bin`.

    Raises:
        StoreError: truncated, changed, or of a newer format.
    """
    line, _, body = raw.partition(b"\n")
    try:
        header = json.loads(line)
        samples, names, kind = int(header["samples"]), list(header["planes"]), Kind(header.get("kind", "bits"))
        length = _length(samples, kind)
        planes = {str(name): body[index * length : (index + 1) * length] for index, name in enumerate(names)}
        evidence = PerSample(samples, str(header["fingerprint"]), planes, kind)
        if encode(evidence) != raw:
            raise ValueError("the planes do not match the header")
        return evidence
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StoreError(
            f"correct.bin is damaged: {error}",
            where=where,
            now="the run's numbers stand; per-sample comparison does not",
        ) from error
