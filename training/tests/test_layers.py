"""Layers against their formulas, written out."""

import torch
from toonface.layers import EPS, Cam, SoftAdaLin, mixed_norm


def test_mixed_norm_follows_the_formula() -> None:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 7, 3, generator=random, dtype=torch.float64) * 2 + 1
    rho = torch.rand(5, generator=random, dtype=torch.float64)
    gamma, beta = (torch.randn(2, 5, generator=random, dtype=torch.float64) for _ in range(2))
    instance = (x - x.mean((2, 3), True)) / (x.var((2, 3), unbiased=True, keepdim=True) + EPS).sqrt()
    layer = (x - x.mean((1, 2, 3), True)) / (x.var((1, 2, 3), unbiased=True, keepdim=True) + EPS).sqrt()
    mixed = rho[:, None, None] * instance + (1 - rho[:, None, None]) * layer
    expected = gamma[:, :, None, None] * mixed + beta[:, :, None, None]
    assert (mixed_norm(x, rho, gamma, beta) - expected).abs().max() < 1e-12


def test_mix_zero_takes_the_style_and_one_the_content() -> None:
    torch.manual_seed(1)
    norm = SoftAdaLin(4)
    x, style, content = torch.randn(1, 4, 6, 6), torch.randn(1, 4), torch.randn(1, 4)
    other = torch.randn(1, 4)
    for mix, ignored in ((0.0, (style, other)), (1.0, (other, content))):
        norm.mix_gamma.data.fill_(mix)
        norm.mix_beta.data.fill_(mix)
        assert torch.allclose(norm(x, style, content), norm(x, *ignored))


def test_cam_picks_the_row_of_the_group_and_ignores_its_bias() -> None:
    torch.manual_seed(1)
    cam = Cam(4, groups=3)
    x = torch.randn(1, 4, 5, 5)
    before = [cam(x, torch.tensor([group]))[0] for group in range(3)]
    assert not torch.allclose(before[0], before[1])
    cam.gap.bias.data += 5
    cam.gap.weight.data[2] += 1
    after = [cam(x, torch.tensor([group]))[0] for group in range(3)]
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert not torch.allclose(before[2], after[2])
