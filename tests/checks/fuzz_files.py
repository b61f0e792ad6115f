"""Two thousand mutated checkpoints and shard indexes: each is read rightly, or ends in an `AnError` of one line.

python -m tests.checks.fuzz_files [--count 2000] [--seed 0]
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from an_cli.data.image_folder import FolderSet, list_folder
from an_cli.data.prepare import prepare
from an_cli.data.shards import ShardSet, read_index
from an_cli.errors import AnError
from an_cli.models import read_state

CHECKPOINTS = ("zip", "repacked", "legacy", "safetensors")


def small_network() -> nn.Module:
    """The same weights each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


def sample_files(folder: Path) -> dict[str, bytes]:
    """A sound checkpoint of every form."""
    state = small_network().state_dict()
    found = {"model": {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3, "args": vars}
    found["args"] = argparse.Namespace(lr=0.1, words=["a", "b"])
    torch.save(found, folder / "sample.pth")
    torch.save(found, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    zipped = (folder / "sample.pth").read_bytes()
    return {
        "zip": zipped,
        "repacked": zipped,
        "legacy": (folder / "legacy.pth").read_bytes(),
        "safetensors": _safetensors(state),
    }


def _safetensors(state: dict[str, Tensor]) -> bytes:
    import json

    header, body = {}, b""
    for name, tensor in state.items():
        raw = tensor.numpy().tobytes()
        kind = "F32" if tensor.is_floating_point() else "I64"
        header[name] = {"dtype": kind, "shape": [*tensor.shape], "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def mutate(sample: bytes, kind: str, rng: random.Random) -> bytes:
    """Some bytes changed, cut out, put in, zeroed or repeated; of a repacked archive, in its pickle."""
    if kind != "repacked":
        return _changed(sample, rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            raw = old.read(name)
            new.writestr(name, _changed(raw, rng) if name.endswith("data.pkl") else raw)
    return buffer.getvalue()


def _changed(sample: bytes, rng: random.Random) -> bytes:
    raw = bytearray(sample)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not raw:
            break
        # Half of the places are in the beginning, where headers and pickles are.
        place = rng.randrange(len(raw)) if rng.random() < 0.5 else rng.randrange(min(len(raw), 1500))
        length = rng.randint(1, 12)
        match rng.randrange(6):
            case 0 | 1:
                raw[place] = rng.randrange(256)
            case 2:
                del raw[place : place + length]
            case 3:
                raw[place:place] = rng.randbytes(length)
            case 4:
                raw[place : place + length] = bytes(length)
            case _:
                raw = raw[: place + 1]
    return bytes(raw)


def read_or_refused(raw: bytes, kind: str, network: nn.Module, path: Path) -> str:
    """Read a mutated checkpoint; "read" or "refused".

    Raises:
        AssertionError: it was read wrongly, or refused in several lines.
    """
    path.write_bytes(raw)
    try:
        found = read_state(path, network).state
    except AnError as error:
        _assert_one_line(error)
        return "refused"
    own = network.state_dict()
    assert found.keys() == own.keys()
    for name, tensor in found.items():
        assert tensor.shape == own[name].shape
        assert bool(tensor.double().isfinite().all())
        if kind == "zip":  # an archive has checksums; the other forms hold any bytes for weights
            assert torch.equal(tensor, own[name])
    return "read"


def index_or_refused(raw: bytes, root: Path, original: FolderSet) -> str:
    """Read a mutated index of shards and an image of it; "read" or "refused".

    Raises:
        AssertionError: it was read wrongly, or refused in several lines.
    """
    (root / "index.npz").write_bytes(raw)
    try:
        shards = ShardSet(root, read_index(root)["train"], "RGB")
        images = [shards.raw(sample) for sample in range(len(shards))]
    except AnError as error:
        _assert_one_line(error)
        return "refused"
    assert (shards.fingerprint, shards.classes) == (original.fingerprint, original.classes)
    assert shards.labels.tolist() == original.labels.tolist()
    assert images == [original.path(sample).read_bytes() for sample in range(len(original))]
    return "read"


def _assert_one_line(error: AnError) -> None:
    assert "\n" not in str(error)
    assert "\033" not in str(error)
    assert error.where
    assert error.now


def sample_shards(folder: Path) -> tuple[Path, FolderSet]:
    """Shards of a few images, and the images."""
    for split in ("train", "val"):
        for label, name in enumerate(("cat", "dog")):
            (folder / "images" / split / name).mkdir(parents=True)
            for number in range(4):
                pixels = np.full((8, 9, 3), 40 * number + label, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / "images" / split / name / f"{number}.png")
    prepare(folder / "images", folder / "shards", shards=2)
    return folder / "shards", FolderSet(folder / "images" / "train", list_folder(folder / "images")[0], "RGB")


def main() -> None:
    """Mutate and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    ends: Counter[tuple[str, str]] = Counter()
    rng, network = random.Random(asked.seed), small_network()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, (root, original) = sample_files(folder), sample_shards(folder)
        index = (root / "index.npz").read_bytes()
        for number in range(asked.count):
            kind = (*CHECKPOINTS, "index")[number % 5]
            if kind == "index":
                end = index_or_refused(_changed(index, rng), root, original)
            else:
                end = read_or_refused(mutate(samples[kind], kind, rng), kind, network, folder / "mutated")
            ends[kind, end] += 1
    for (kind, end), count in sorted(ends.items()):
        print(f"{kind:12} {end:8} {count:5}")


if __name__ == "__main__":
    main()
