"""Augmentation that keeps the target determined.

Geometry and colour change photograph and cartoon together; only blur, noise and JPEG, which a cartoon
does not show, change the photograph alone.
"""

from __future__ import annotations

import io
import math
from typing import Tuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .data import Pairs, to_floats

TURN = math.radians(8)
ZOOM = (0.88, 1.18)
SHIFT = 0.08


class Augment:
    """Draws batches of `size` x `size` pictures from pairs stored at twice that size or more."""

    def __init__(self, size: int, seed: int):
        self.size = size
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.random)

    def batch(self, pairs: Pairs, count: int) -> Tuple[Tensor, Tensor]:
        """Random pairs as photo and cartoon [count, 3, size, size] in [-1, 1]."""
        index = torch.randint(len(pairs.photo), (count,), generator=self.random)
        both = to_floats(torch.cat((pairs.photo[index], pairs.cartoon[index]), dim=1))
        both = self.colour(self.geometry(both))
        return self.degrade(both[:, :3]).clamp(-1, 1), both[:, 3:].clamp(-1, 1)

    def geometry(self, x: Tensor) -> Tensor:
        """Flip, turn, zoom and shift; [N, C, H, W] -> [N, C, size, size]."""
        count = x.shape[0]
        turn = self.uniform(-TURN, TURN, count)
        scale = 1 / self.uniform(*ZOOM, count)
        flip = torch.where(self.uniform(0, 1, count) < 0.5, -1.0, 1.0)
        shift = self.uniform(-SHIFT, SHIFT, count, 2)
        cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
        rows = torch.stack((cos * flip, -sin, shift[:, 0], sin * flip, cos, shift[:, 1]), dim=1)
        grid = F.affine_grid(rows.view(-1, 2, 3), [count, x.shape[1], self.size, self.size], align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def colour(self, x: Tensor) -> Tensor:
        """The same mild gain, contrast and white balance for the photograph and its cartoon [N, 6, H, W]."""
        count = x.shape[0]
        gain = self.uniform(0.85, 1.12, count, 1) * self.uniform(0.94, 1.06, count, 3)
        contrast = self.uniform(0.9, 1.1, count, 1, 1, 1)
        lit = (x + 1) * gain.repeat(1, 2)[:, :, None, None] - 1
        return (lit * contrast).clamp(-1, 1)

    def degrade(self, photo: Tensor) -> Tensor:
        """Blur, noise or JPEG for some photographs [N, 3, H, W]."""
        kinds = torch.randint(8, (photo.shape[0],), generator=self.random).tolist()
        for sample, kind in enumerate(kinds):
            if kind == 0:
                blurred = F.avg_pool2d(photo[sample], 3, 1, 1, count_include_pad=False)
                photo[sample] = torch.lerp(photo[sample], blurred, float(self.uniform(0.3, 1.0)))
            elif kind == 1:
                noise = torch.randn(photo[sample].shape, generator=self.random)
                photo[sample] += float(self.uniform(0.01, 0.05)) * noise
            elif kind == 2:
                photo[sample] = self.jpeg(photo[sample])
        return photo

    def jpeg(self, picture: Tensor) -> Tensor:
        """One trip through JPEG [3, H, W]."""
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(self.uniform(35, 85)))
        return to_floats(torch.from_numpy(np.array(Image.open(file)))).permute(2, 0, 1)
