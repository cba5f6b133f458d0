"""Layers shared by the generators.

Padding is reflect everywhere. Instance norm uses the biased variance; AdaLIN and LIN use the unbiased
one (n - 1). Every epsilon is 1e-5.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """Convolution [N, inputs, H, W] -> [N, outputs, H / stride, W / stride] with reflect padding."""
    if kernel == 1:
        return nn.Conv2d(inputs, outputs, 1, stride, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias, padding_mode="reflect")


def upsample(x: Tensor) -> Tensor:
    """Nearest up-sampling [N, C, H, W] -> [N, C, 2H, 2W]."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def average(x: Tensor) -> Tensor:
    """Global average [N, C, H, W] -> [N, C]."""
    return x.mean(dim=(2, 3))


def mixed_norm(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """gamma * (rho * IN(x) + (1 - rho) * LN(x)) + beta, as one multiply-add over x.

    x [N, C, H, W]; rho [C]; gamma and beta [C] or [N, C]. The LN statistics follow from the channels'.
    """
    x = x if x.dtype == torch.float64 else x.float()
    channels, area = x.shape[1], x.shape[2] * x.shape[3]
    var, mean = torch.var_mean(x, dim=(2, 3), unbiased=True)
    layer_mean = mean.mean(dim=1, keepdim=True)
    squares = (area - 1) * var.sum(dim=1, keepdim=True) + area * (mean - layer_mean).square().sum(dim=1, keepdim=True)
    layer_scale = torch.rsqrt(squares / (channels * area - 1) + EPS)
    scale = torch.rsqrt(var + EPS)
    factor = gamma * (rho * scale + (1 - rho) * layer_scale)
    offset = beta - gamma * (rho * scale * mean + (1 - rho) * layer_scale * layer_mean)
    return torch.addcmul(offset[:, :, None, None], x, factor[:, :, None, None])


class Mlp(nn.Module):
    """linear -> ReLU -> linear, [N, C] -> [N, C]; one more ReLU at the end if `final_relu`."""

    def __init__(self, channels: int, final_relu: bool = False):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels)
        self.fc2 = nn.Linear(channels, channels)
        self.final_relu = final_relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc2(F.relu(self.fc1(x)))
        return F.relu(x) if self.final_relu else x


class SoftAdaLin(nn.Module):
    """Adaptive layer-instance norm whose gamma and beta mix a style path and a content path.

    x [N, C, H, W]; style and content [N, C].
    """

    def __init__(self, channels: int):
        super().__init__()
        self.rho = nn.Parameter(torch.full((channels,), 0.9))
        self.mix_gamma = nn.Parameter(torch.full((channels,), 0.5))
        self.mix_beta = nn.Parameter(torch.full((channels,), 0.5))
        self.style_gamma = nn.Linear(channels, channels)
        self.style_beta = nn.Linear(channels, channels)
        self.content_gamma = Mlp(channels)
        self.content_beta = Mlp(channels)
        nn.init.ones_(self.style_gamma.bias)
        nn.init.ones_(self.content_gamma.fc2.bias)

    def forward(self, x: Tensor, style: Tensor, content: Tensor) -> Tensor:
        gamma = (1 - self.mix_gamma) * self.style_gamma(style) + self.mix_gamma * self.content_gamma(content)
        beta = (1 - self.mix_beta) * self.style_beta(style) + self.mix_beta * self.content_beta(content)
        return mixed_norm(x, self.rho, gamma, beta)


class Lin(nn.Module):
    """Layer-instance norm with its own gamma and beta, [N, C, H, W] -> same."""

    def __init__(self, channels: int):
        super().__init__()
        self.rho = nn.Parameter(torch.zeros(channels))
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return mixed_norm(x, self.rho, self.gamma[None], self.beta[None])


class EncodeBlock(nn.Module):
    """Residual block with instance norm and no ReLU after the sum, [N, C, H, W] -> same."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv(channels, channels, 3, bias=False)
        self.conv2 = conv(channels, channels, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(F.instance_norm(self.conv1(x), eps=EPS))
        return x + F.instance_norm(self.conv2(y), eps=EPS)


class DecodeBlock(nn.Module):
    """Residual block with SoftAdaLIN, x [N, C, H, W] with style and content [N, C] -> [N, C, H, W]."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv(channels, channels, 3, bias=False)
        self.norm1 = SoftAdaLin(channels)
        self.conv2 = conv(channels, channels, 3, bias=False)
        self.norm2 = SoftAdaLin(channels)

    def forward(self, x: Tensor, style: Tensor, content: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x), style, content))
        return x + self.norm2(self.conv2(y), style, content)


class Cam(nn.Module):
    """Class activation map with one row of weights for each group.

    x [N, C, H, W] and the group of each sample [N] -> map [N, C, H, W], logits [N, 2, groups].
    The map scales x by its group's rows; the biases enter only the logits.
    """

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.gap = nn.Linear(channels, groups)
        self.gmp = nn.Linear(channels, groups)
        self.conv = conv(2 * channels, channels, 1)

    def forward(self, x: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
        logits = torch.stack((self.gap(average(x)), self.gmp(x.amax(dim=(2, 3)))), dim=1)
        by_gap = x * self.gap.weight[group][:, :, None, None]
        by_gmp = x * self.gmp.weight[group][:, :, None, None]
        return F.relu(self.conv(torch.cat((by_gap, by_gmp), dim=1))), logits
