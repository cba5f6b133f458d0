"""Losses for paired pictures, [N, 3, S, S] in [-1, 1], each a scalar."""

from __future__ import annotations

from typing import List, Tuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .discriminator import Verdict


AROUND = 9  # pixels a side of the surroundings that a line is darker than
KEPT = 0.2  # a change of colour, of 2, that should be none


def gradients(x: Tensor) -> Tuple[Tensor, Tensor]:
    """Differences to the right [N, 3, S, S - 1] and downwards [N, 3, S - 1, S]."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def line_weight(target: Tensor, line: float, ink: float = 0.0) -> Tensor:
    """Weight of each pixel [N, 1, S, S], mean 1.

    Up to `line` more on and beside drawn lines, and up to `ink` more on what is darker than its surroundings: the lines
    themselves. Where a line may or may not be, plain L1 leaves it out; with `ink` it is drawn.
    """
    dx, dy = gradients(target)
    strength = F.pad(dx.abs(), (0, 1)) + F.pad(dy.abs(), (0, 0, 0, 1))
    strength = F.avg_pool2d(strength.amax(dim=1, keepdim=True).clamp(max=1), 3, 1, 1, count_include_pad=False)
    weight = 1 + line * strength
    if ink:
        grey = target.mean(dim=1, keepdim=True)
        around = F.avg_pool2d(grey, AROUND, 1, AROUND // 2, count_include_pad=False)
        weight = weight + ink * (around - grey).clamp(0, 1)
    return weight / weight.mean(dim=(1, 2, 3), keepdim=True)


def pixel_loss(picture: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1."""
    return (weight * (picture - target).abs()).mean()


def edge_loss(picture: Tensor, target: Tensor) -> Tensor:
    """L1 of the gradients, at full and at half size."""
    total = picture.new_zeros(())
    for level in range(2):
        if level:
            picture, target = F.avg_pool2d(picture, 2), F.avg_pool2d(target, 2)
        for ours, theirs in zip(gradients(picture), gradients(target)):
            total = total + (ours - theirs).abs().mean()
    return total / 2


def kept_loss(picture: Tensor, base: Tensor, photo: Tensor) -> Tensor:
    """Distance to the photograph's colours at an eighth of the size, where the base branch nearly leaves them alone.

    That is the backdrop mostly. A few pairs show a new branch a few backdrops only; without this it tints all others
    towards them.
    """
    ours, theirs, given = (F.avg_pool2d(x, 8) for x in (picture, base, photo))
    left = ((theirs - given).abs().mean(dim=1, keepdim=True) < KEPT).float()
    return (left * (ours - given).abs()).mean()


def _least_squares(verdict: Verdict, aim: float) -> Tensor:
    return (verdict.patch - aim).square().mean() + 0.5 * (verdict.cam - aim).square().mean()


def discriminator_loss(real: List[Verdict], fake: List[Verdict], group: Tensor) -> Tensor:
    """Least squares on patch and CAM logits, and the class head on real cartoons; group [N]."""
    total = torch.zeros(())
    for truth, drawn in zip(real, fake):
        wanted = F.one_hot(group, truth.group.shape[1]).float()
        total = total + _least_squares(truth, 1.0) + _least_squares(drawn, 0.0)
        total = total + (truth.group - wanted).square().mean()
    return total


def adversarial_loss(fake: List[Verdict]) -> Tensor:
    """The generator's side of the game."""
    return sum((_least_squares(verdict, 1.0) for verdict in fake), torch.zeros(()))


def group_loss(fake: List[Verdict], group: Tensor) -> Tensor:
    """The drawing must be recognised as one of its group [N]."""
    wanted = F.one_hot(group, fake[0].group.shape[1]).float()
    return sum(((verdict.group - wanted).square().mean() for verdict in fake), torch.zeros(()))


def cam_loss(logits: Tensor, group: Tensor) -> Tensor:
    """The CAM logits [N, 2, groups] must tell the group [N] of the photograph."""
    wanted = F.one_hot(group, logits.shape[2]).float()[:, None].expand_as(logits)
    return F.binary_cross_entropy_with_logits(logits, wanted)
