"""What is done to a batch between the loader and the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from an_cli.data import mixup, normalize

WHERE = {"seed": 0, "epoch": 1, "step": 2, "replica": 3}


def _batch(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, 5, 5, generator=generator), torch.arange(n)


def test_normalize_equals_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (4, 3, 6, 5), dtype=torch.uint8, generator=generator)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    shape = (1, 3, 1, 1)
    expected = (x.numpy() / 255 - np.reshape(mean, shape)) / np.reshape(std, shape)
    normalized = normalize(x, mean, std)
    assert normalized.dtype == torch.float32
    np.testing.assert_allclose(normalized.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_normalize_leaves_its_input_alone_and_keeps_the_memory_format() -> None:
    x = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8).to(memory_format=torch.channels_last)
    normalized = normalize(x, (0.5,) * 3, (0.25,) * 3)
    assert (x == 255).all()
    assert (normalized == 2).all()
    assert normalized.is_contiguous(memory_format=torch.channels_last)


def test_normalize_refuses_constants_of_other_channels() -> None:
    with pytest.raises(ValueError, match="1 means and 1 stds for 3 channels"):
        normalize(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), (0.5,), (0.5,))


def test_mixup_mixes_each_image_with_its_partner() -> None:
    x, y = _batch()
    mixed = mixup(x, y, alpha=1.0, **WHERE)
    assert sorted(mixed.y_partner.tolist()) == y.tolist()
    assert torch.equal(mixed.y, y)
    torch.testing.assert_close(mixed.x, mixed.lam * x + (1 - mixed.lam) * x[mixed.y_partner])


def test_mixup_depends_on_each_part_of_its_key_and_nothing_else() -> None:
    x, y = _batch()
    first = mixup(x, y, alpha=0.2, **WHERE)
    torch.manual_seed(5)
    again = mixup(x, y, alpha=0.2, **WHERE)
    assert first.lam == again.lam
    assert torch.equal(first.x, again.x)
    for part in WHERE:
        assert mixup(x, y, alpha=0.2, **(WHERE | {part: WHERE[part] + 1})).lam != first.lam


def test_mixup_without_alpha_mixes_nothing() -> None:
    x, y = _batch()
    mixed = mixup(x, y, alpha=0.0, **WHERE)
    assert mixed.x is x
    assert mixed.y_partner is y
    assert mixed.lam == 1.0


def test_lambda_follows_the_beta_distribution() -> None:
    x, y = _batch(2)
    lams = np.array([mixup(x, y, alpha=0.2, **(WHERE | {"step": step})).lam for step in range(2000)])
    assert lams.mean() == pytest.approx(0.5, abs=0.03)
    assert lams.var() == pytest.approx(1 / (4 * (2 * 0.2 + 1)), abs=0.01)
