"""Measures of a drawing against its target, pictures [N, 3, S, S] in [-1, 1]; one value a picture where noted."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .losses import gradients

LUMA = (0.299, 0.587, 0.114)
EDGE = 0.25  # least step of luminance, of 2, that counts as a line
KID_SUBSETS, KID_SUBSET = 20, 50


def luminance(x: Tensor) -> Tensor:
    """[N, 3, S, S] -> [N, 1, S, S]."""
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of each picture [N]."""
    return (picture - target).abs().mean(dim=(1, 2, 3))


def ssim(picture: Tensor, target: Tensor) -> Tensor:
    """Structural similarity [N] of luminance in [0, 1], 11 x 11 Gaussian window (sigma 1.5)."""
    line = torch.exp(-(torch.arange(11.0) - 5).square() / (2 * 1.5**2))
    window = (line[:, None] * line[None])[None, None] / line.sum().square()

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window)

    a, b = (luminance(picture) + 1) / 2, (luminance(target) + 1) / 2
    mean_a, mean_b = blur(a), blur(b)
    var_a = blur(a * a) - mean_a.square()
    var_b = blur(b * b) - mean_b.square()
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    scores = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return (scores / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))).mean(dim=(1, 2, 3))


def edges(x: Tensor) -> Tensor:
    """Pixels on a line, as 0 or 1 [N, 1, S, S]."""
    dx, dy = gradients(luminance(x))
    strength = F.pad(dx.abs(), (0, 1)) + F.pad(dy.abs(), (0, 0, 0, 1))
    return (strength > EDGE).float()


def edge_f1(picture: Tensor, target: Tensor) -> float:
    """F1 of line pixels over all pictures, a pixel to either side allowed."""
    ours, theirs = edges(picture), edges(target)
    near_ours, near_theirs = (F.max_pool2d(x, 3, 1, 1) for x in (ours, theirs))
    precision = (ours * near_theirs).sum() / ours.sum().clamp(min=1)
    recall = (theirs * near_ours).sum() / theirs.sum().clamp(min=1)
    return (2 * precision * recall / (precision + recall).clamp(min=1e-6)).item()


def rank_1(picture: Tensor, target: Tensor) -> float:
    """Share of drawings whose own target is the most similar among all targets; features [N, F] of both."""
    similar = F.normalize(picture, dim=1) @ F.normalize(target, dim=1).T
    return (similar.argmax(dim=1) == torch.arange(len(picture))).float().mean().item()


def kid(picture: Tensor, target: Tensor) -> float:
    """Kernel inception distance of features [N, F]: unbiased squared MMD, cubic kernel, mean of subsets, times 1000."""
    random = torch.Generator().manual_seed(1)
    size = min(KID_SUBSET, len(picture))

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    total = 0.0
    for _ in range(KID_SUBSETS):
        a = picture[torch.randperm(len(picture), generator=random)[:size]]
        b = target[torch.randperm(len(target), generator=random)[:size]]
        aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
        within = (aa.sum() - aa.trace() + bb.sum() - bb.trace()) / (size * (size - 1))
        total += (within - 2 * ab.mean()).item()
    return 1000 * total / KID_SUBSETS
