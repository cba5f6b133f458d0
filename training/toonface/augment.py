"""Augmentation that carries rendered pairs over to real photographs and keeps the target determined.

Geometry, a mild colour change and things held before the face change photograph and cartoon together. What a camera
does changes the photograph alone, because the drawing should not follow it: exposure, white balance, tone curve,
uneven light, blur, low resolution, noise, JPEG.
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
ZOOM = (0.86, 1.2)
SHIFT = 0.08
PHOTO_ZOOM = (0.95, 1.5)  # unpaired portraits stand further off
COVERED = 0.08  # share of pairs with something before the face
UNTOUCHED = 0.25  # share of photographs that the camera changes do not touch
LUMA = (0.299, 0.587, 0.114)


class Augment:
    """Draws batches of `size` x `size` pictures from pairs stored larger than that."""

    def __init__(self, size: int, seed: int):
        self.size = size
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.random)

    def batch(self, pairs: Pairs, count: int) -> Tuple[Tensor, Tensor]:
        """Random pairs as photo and cartoon [count, 3, size, size] in [-1, 1]."""
        index = torch.randint(len(pairs.photo), (count,), generator=self.random)
        both = to_floats(torch.cat((pairs.photo[index], pairs.cartoon[index]), dim=1))
        both = self.cover(self.colour(self.geometry(both, ZOOM))).clamp(-1, 1)
        return self.degrade(self.camera(both[:, :3])).clamp(-1, 1), both[:, 3:]

    def photographs(self, photos: Tensor, count: int) -> Tuple[Tensor, Tensor]:
        """Random unpaired photographs (uint8 [N, 3, H, W]), as they are and as another camera took them."""
        index = torch.randint(len(photos), (count,), generator=self.random)
        plain = self.geometry(to_floats(photos[index]), PHOTO_ZOOM).clamp(-1, 1)
        return plain, self.degrade(self.camera(plain)).clamp(-1, 1)

    def geometry(self, x: Tensor, zoom: Tuple[float, float]) -> Tensor:
        """Flip, turn, zoom and shift; [N, C, H, W] -> [N, C, size, size]."""
        count = x.shape[0]
        turn = self.uniform(-TURN, TURN, count)
        scale = 1 / self.uniform(*zoom, count)
        flip = torch.where(self.uniform(0, 1, count) < 0.5, -1.0, 1.0)
        shift = self.uniform(-SHIFT, SHIFT, count, 2)
        cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
        rows = [torch.stack([cos * flip, -sin, shift[:, 0]], 1), torch.stack([sin * flip, cos, shift[:, 1]], 1)]
        grid = F.affine_grid(torch.stack(rows, 1), [count, x.shape[1], self.size, self.size], align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def colour(self, x: Tensor) -> Tensor:
        """The same mild gain, contrast and white balance for the photograph and its cartoon [N, 6, H, W]."""
        count = x.shape[0]
        gain = self.uniform(0.86, 1.1, count, 1) * self.uniform(0.9, 1.1, count, 3)
        contrast = self.uniform(0.92, 1.08, count, 1, 1, 1)
        lit = (x + 1) * gain.repeat(1, 2)[:, :, None, None] - 1
        return lit * contrast

    def cover(self, both: Tensor) -> Tensor:
        """Something flat before some faces: a hand, a cup, a strap. It is drawn as it is."""
        line = torch.linspace(-1, 1, self.size)
        for sample in range(both.shape[0]):
            chance, x, y, wide, high, turn = self.uniform(0, 1, 6).tolist()
            colour = self.uniform(-0.9, 0.8, 3).repeat(2)[:, None, None]
            if chance > COVERED:
                continue
            across, down = line[None, :] - (2 * x - 1), line[:, None] - (1.4 * y - 0.2)
            cos, sin = math.cos(3 * turn), math.sin(3 * turn)
            u, v = (cos * across + sin * down) / (0.05 + 0.3 * wide), (cos * down - sin * across) / (0.05 + 0.3 * high)
            inside = torch.sigmoid(30 * (1 - u**4 - v**4))
            both[sample] = torch.lerp(both[sample], colour.expand_as(both[sample]), inside)
        return both

    def camera(self, photo: Tensor) -> Tensor:
        """Exposure, tone curve, white balance, saturation and uneven light of photographs [N, 3, H, W]."""
        count = photo.shape[0]
        light = ((photo + 1) / 2).clamp(0, 1) ** self.uniform(0.85, 1.2, count, 1, 1, 1)
        gain = self.uniform(0.84, 1.16, count, 1) * self.uniform(0.96, 1.04, count, 3)
        cells = int(torch.randint(2, 5, (), generator=self.random))
        field = torch.randn(count, 3, cells, cells, generator=self.random)
        field = 0.85 * field.mean(dim=1, keepdim=True) * 3**0.5 + 0.25 * field  # mostly grey
        field = F.interpolate(field, size=photo.shape[2:], mode="bicubic", align_corners=True)
        uneven = 1 + self.uniform(0, 0.13, count, 1, 1, 1) * field.clamp(-2.5, 2.5)
        light = light * gain[:, :, None, None] * uneven
        grey = (light * light.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
        light = torch.lerp(grey, light, self.uniform(0.94, 1.07, count, 1, 1, 1))
        touched = (self.uniform(0, 1, count, 1, 1, 1) > UNTOUCHED).float()
        return torch.lerp(photo, 2 * light.clamp(0, 1) - 1, touched)

    def degrade(self, photo: Tensor) -> Tensor:
        """Blur, low resolution, noise or JPEG for some photographs [N, 3, H, W]."""
        kinds = torch.randint(10, (photo.shape[0],), generator=self.random).tolist()
        for sample, kind in enumerate(kinds):
            if kind == 0:
                blurred = F.avg_pool2d(photo[sample], 3, 1, 1, count_include_pad=False)
                photo[sample] = torch.lerp(photo[sample], blurred, float(self.uniform(0.3, 1.0)))
            elif kind == 1:
                small = int(self.size * float(self.uniform(0.45, 0.9)))
                shrunk = F.interpolate(photo[sample][None], size=small, mode="bilinear", antialias=True)
                photo[sample] = F.interpolate(shrunk, size=self.size, mode="bilinear")[0]
            elif kind == 2:
                noise = torch.randn(photo[sample].shape, generator=self.random)
                photo[sample] += float(self.uniform(0.02, 0.12)) * noise
            elif kind == 3:
                photo[sample] = self.jpeg(photo[sample])
        return photo

    def jpeg(self, picture: Tensor) -> Tensor:
        """One trip through JPEG [3, H, W]."""
        pixels = ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(self.uniform(35, 85)))
        return to_floats(torch.from_numpy(np.array(Image.open(file)))).permute(2, 0, 1)
