"""Patch discriminators with a CAM head and a class head, spectral norm throughout."""

from __future__ import annotations

from typing import List, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Verdict(NamedTuple):
    """What one discriminator says of a batch."""

    patch: Tensor  # [N, 1, h, w]: real is 1, fake is 0
    cam: Tensor  # [N, 2]
    group: Tensor  # [N, groups]


class Discriminator(nn.Module):
    """Cartoon [N, 3, S, S] -> `Verdict`; every level halves the picture."""

    def __init__(self, channels: int, levels: int, groups: int):
        super().__init__()
        widths = [3] + [channels * min(2**level, 4) for level in range(levels)]
        self.downs = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(a, b, 4, 2, 1, padding_mode="reflect"))
                for a, b in zip(widths[:-1], widths[1:])
            ]
        )
        last = widths[-1]
        self.gap = spectral_norm(nn.Linear(last, 1, bias=False))
        self.gmp = spectral_norm(nn.Linear(last, 1, bias=False))
        self.mix = spectral_norm(nn.Conv2d(2 * last, last, 1))
        self.patch = spectral_norm(nn.Conv2d(last, 1, 3, 1, 1, padding_mode="reflect"))
        self.group = nn.Linear(last, groups)

    def forward(self, x: Tensor) -> Verdict:
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        mean = x.mean(dim=(2, 3))
        cam = torch.cat((self.gap(mean), self.gmp(x.amax(dim=(2, 3)))), dim=1)
        attended = torch.cat((x * self.gap.weight[:, :, None, None], x * self.gmp.weight[:, :, None, None]), dim=1)
        patch = self.patch(F.leaky_relu(self.mix(attended), 0.2))
        return Verdict(patch, cam, self.group(mean))


class Discriminators(nn.Module):
    """A global one that sees the face and a local one that sees strokes."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.whole = Discriminator(channels, 5, groups)
        self.local = Discriminator(channels, 3, groups)

    def forward(self, cartoon: Tensor) -> List[Verdict]:
        return [self.whole(cartoon), self.local(cartoon)]
