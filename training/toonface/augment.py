"""Augmentation that carries rendered pairs over to real photographs and keeps the target determined.

Geometry, exposure, white balance, tone curve, another backdrop and things held before the face change photograph and
cartoon together: a drawing keeps the colours of its photograph. What a drawing should not follow changes the
photograph alone: other or uneven light on the person, a small error of all colours, blur, low resolution, noise, JPEG.
(When large changes of all colours were the photograph's alone, no network could tell the target's, and backdrops came
out wrong by 0.035 of 2 on average; the renderings themselves differ by 0.01.)
"""

from __future__ import annotations

import io
import math
from typing import Optional, Tuple

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
REPLACED = 0.7  # share of pairs with mattes that get another backdrop
UNEVEN = 0.5  # share of photographs with uneven light
CLEAR = 0.02  # less coverage than this is backdrop alone
LUMA = (0.299, 0.587, 0.114)


class Augment:
    """Draws batches of `size` x `size` pictures from pairs stored larger than that.

    `backdrops`: pictures as large as the pairs, uint8 [N, 3, H, W], for pairs that have mattes.
    """

    def __init__(self, size: int, seed: int, backdrops: Optional[Tensor] = None):
        self.size, self.backdrops = size, backdrops
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=self.random)

    def batch(self, pairs: Pairs, count: int) -> Tuple[Tensor, Tensor]:
        """Random pairs as photo and cartoon [count, 3, size, size] in [-1, 1]."""
        index = torch.randint(len(pairs.photo), (count,), generator=self.random)
        both = to_floats(torch.cat((pairs.photo[index], pairs.cartoon[index]), dim=1))
        if pairs.matte is not None and self.backdrops is not None:
            both = self.replace(both, pairs.matte[index].float() / 255)
        both = self.cover(self.colour(self.geometry(both, ZOOM))).clamp(-1, 1)
        photo, cartoon = both[:, :3], both[:, 3:]
        return self.degrade(self.camera(self.lit(photo, cartoon))).clamp(-1, 1), cartoon

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

    def replace(self, both: Tensor, matte: Tensor) -> Tensor:
        """Another backdrop behind some people [N, 6, H, W]; matte [N, 2, H, W]: coverage in photograph and cartoon."""
        count = both.shape[0]
        index = torch.randint(len(self.backdrops), (count,), generator=self.random)
        backdrop = to_floats(self.backdrops[index])
        mirrored = self.uniform(0, 1, count, 1, 1, 1) < 0.5
        backdrop = torch.where(mirrored, backdrop.flip(3), backdrop).repeat(1, 2, 1, 1)
        cover = matte.repeat_interleave(3, dim=1)
        clear = (cover < CLEAR).float()
        # What shines through at an outline: the old backdrop nearby.
        near = F.avg_pool2d(both * clear, 9, 1, 4) / F.avg_pool2d(clear, 9, 1, 4).clamp(min=1e-3)
        placed = torch.where(clear > 0, backdrop, both + (1 - cover) * (backdrop - near))
        return torch.where(self.uniform(0, 1, count, 1, 1, 1) < REPLACED, placed, both)

    def colour(self, x: Tensor) -> Tensor:
        """The same tone curve, exposure, white balance and contrast for photograph and cartoon [N, 6, H, W]."""
        count = x.shape[0]
        light = ((x + 1) / 2).clamp(0, 1) ** self.uniform(0.85, 1.2, count, 1, 1, 1)
        gain = self.uniform(0.82, 1.12, count, 1) * self.uniform(0.9, 1.1, count, 3)
        lit = 2 * light * gain.repeat(1, 2)[:, :, None, None] - 1
        return lit * self.uniform(0.92, 1.08, count, 1, 1, 1)

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

    def lit(self, photo: Tensor, cartoon: Tensor) -> Tensor:
        """People in other light before the same backdrop, [N, 3, H, W]: real ones are lit as no rendering is.

        A person is where photograph and cartoon differ; a backdrop is the same in both.
        """
        count = photo.shape[0]
        differs = ((photo - cartoon).abs().mean(dim=1, keepdim=True) - 0.06).clamp(0, 0.15) / 0.15
        person = F.avg_pool2d(F.max_pool2d(differs, 5, 1, 2), 7, 1, 3)
        light = ((photo + 1) / 2).clamp(0, 1) ** self.uniform(0.85, 1.2, count, 1, 1, 1)
        gain = self.uniform(0.84, 1.16, count, 1) * self.uniform(0.96, 1.04, count, 3)
        other = 2 * (light * gain[:, :, None, None]).clamp(0, 1) - 1
        return torch.lerp(photo, other, person * (self.uniform(0, 1, count, 1, 1, 1) > UNTOUCHED))

    def camera(self, photo: Tensor) -> Tensor:
        """Uneven light, and a small error of tone curve, exposure, white balance and saturation [N, 3, H, W]."""
        count = photo.shape[0]
        light = ((photo + 1) / 2).clamp(0, 1) ** self.uniform(0.95, 1.06, count, 1, 1, 1)
        gain = self.uniform(0.95, 1.05, count, 1) * self.uniform(0.985, 1.015, count, 3)
        cells = int(torch.randint(2, 5, (), generator=self.random))
        field = torch.randn(count, 3, cells, cells, generator=self.random)
        field = 0.85 * field.mean(dim=1, keepdim=True) * 3**0.5 + 0.25 * field  # mostly grey
        field = F.interpolate(field, size=photo.shape[2:], mode="bicubic", align_corners=True)
        strength = self.uniform(0, 0.15, count, 1, 1, 1) * (self.uniform(0, 1, count, 1, 1, 1) < UNEVEN)
        uneven = 1 + strength * field.clamp(-2.5, 2.5)
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
