"""The `Lite` generator: no hourglasses, no normalisation at the ends, skips, raw input at the head."""

from __future__ import annotations

from typing import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .groups import Drawing, Generator
from .layers import Cam, DecodeBlock, EncodeBlock, Mlp, average, conv, upsample

BRANCH = ("stem", "style", "up1", "up2", "merge", "head")
TAPS = {"encode4": "encode4", "decode4": "decode4"}


class Lite(Generator):
    """Photograph [N, 3, S, S] in [-1, 1] -> `Drawing`; base channels a multiple of 4, S of 64."""

    def __init__(self, base_channels: int, image_size: int, groups: int, branch: Sequence[str] = BRANCH):
        super().__init__(base_channels, image_size, groups, branch)
        if base_channels % 4 or image_size % 64:
            raise ValueError(f"base channels {base_channels} must be a multiple of 4, size {image_size} of 64")
        c = base_channels
        self.stem = conv(3, c, 7)
        self.down1 = conv(c, 2 * c, 3, stride=2)
        self.down2 = conv(2 * c, 4 * c, 3, stride=2)
        self.encode1 = EncodeBlock(4 * c)
        self.encode2 = EncodeBlock(4 * c)
        self.encode3 = EncodeBlock(4 * c)
        self.encode4 = EncodeBlock(4 * c)
        self.cam = Cam(4 * c, groups)
        self.style = Mlp(4 * c, final_relu=True)
        self.decode1 = DecodeBlock(4 * c)
        self.decode2 = DecodeBlock(4 * c)
        self.decode3 = DecodeBlock(4 * c)
        self.decode4 = DecodeBlock(4 * c)
        self.up1 = conv(6 * c, 2 * c, 3)
        self.up2 = conv(3 * c, c, 3)
        self.merge = conv(c + 3, c, 3)
        self.head = conv(c, 3, 5)
        self.split_branches()

    def forward(self, x: Tensor, order: Sequence[int] = (0,)) -> Drawing:
        group = self.set_order(order, x.shape[0])
        stem = F.relu(self.stem(x))
        skip = F.relu(self.down1(stem))
        y = F.relu(self.down2(skip))
        contents = []
        for encode in (self.encode1, self.encode2, self.encode3, self.encode4):
            y = encode(y)
            contents.append(average(y))
        y, cam_logit = self.cam(y, group)
        heatmap = y.sum(dim=1, keepdim=True)
        style = self.style(average(y))
        for decode, content in zip((self.decode1, self.decode2, self.decode3, self.decode4), reversed(contents)):
            y = decode(y, style, content)
        y = F.relu(self.up1(torch.cat((upsample(y), skip), dim=1)))
        y = F.relu(self.up2(torch.cat((upsample(y), stem), dim=1)))
        y = F.relu(self.merge(torch.cat((y, x), dim=1)))
        return Drawing(torch.tanh(self.head(y)), cam_logit, heatmap)
