"""`correct.bin`: the way there and back, and damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from an_cli.errors import StoreError
from an_cli.store import CLASSIFICATION, PerSample
from an_cli.store.per_sample import decode, encode

PLANES = CLASSIFICATION.planes


@st.composite
def corrects(draw: st.DrawFn) -> PerSample:
    samples = draw(st.integers(0, 40))
    length = (samples + 7) // 8
    planes = {name: draw(st.binary(min_size=length, max_size=length)) for name in PLANES}
    return PerSample(samples, draw(st.text(max_size=20)), planes)


EXAMPLE = PerSample(13, "abcdef0123456789", {name: bytes([index, 255 - index]) for index, name in enumerate(PLANES)})


@given(corrects())
def test_bits_come_back_as_they_went(correct: PerSample) -> None:
    assert decode(encode(correct), where="run") == correct


def test_it_is_two_bits_a_sample_and_epoch_and_a_header_of_at_most_1_kb() -> None:
    samples = 50_000
    planes = {name: bytes(samples // 8) for name in PLANES}
    raw = encode(PerSample(samples, "f" * 64, planes))
    header = raw.index(b"\n") + 1
    assert header <= 1024
    assert len(raw) - header == 2 * 2 * samples // 8


def test_every_flipped_byte_is_noticed() -> None:
    raw = encode(EXAMPLE)
    for index in range(len(raw)):
        for flip in (1, 2, 8, 32, 255):
            damaged = raw[:index] + bytes([raw[index] ^ flip]) + raw[index + 1 :]
            with pytest.raises(StoreError, match=r"correct\.bin is damaged"):
                decode(damaged, where="run")


def test_every_truncation_and_any_addition_is_noticed() -> None:
    raw = encode(EXAMPLE)
    for damaged in [*(raw[:index] for index in range(len(raw))), raw + b"\0", b"\n" + raw]:
        with pytest.raises(StoreError, match=r"correct\.bin is damaged"):
            decode(damaged, where="run")


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(StoreError):
        decode(raw, where="run")


@pytest.mark.parametrize(
    "header", [b"[]", b"null", b'{"samples":1e400,"planes":[]}', b'{"samples":-9,"planes":[]}', b"[" * 9**5]
)
def test_a_strange_header_is_refused(header: bytes) -> None:
    with pytest.raises(StoreError):
        decode(header + b"\n", where="run")


def test_the_message_says_what_still_stands() -> None:
    with pytest.raises(StoreError, match=r"\(run7\) -> the run's numbers stand; per-sample comparison does not"):
        decode(b"", where="run7")
