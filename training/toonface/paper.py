"""The `Paper` generator ("light" form): the published network, with hourglasses at both ends."""

from __future__ import annotations

import re
from typing import Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .groups import Drawing, Generator, State
from .layers import EPS, Cam, DecodeBlock, EncodeBlock, Lin, Mlp, average, conv, upsample

# The published forms, by the names of the CAM heads: gap_fc_new has a row a group, gap_fc a single one.
FEW_SHOT, PHOTO2CARTOON = "_fc_new", "_fc"
BRANCH = ("stem", "hourglass1", "hourglass4", "head")
TAPS = {"HourGlass1": "hourglass1", "EncodeBlock4": "encode4", "DecodeBlock4": "decode4", "UpBlock2": "up2"}


class ConvBlock(nn.Module):
    """Pre-activation block, [N, C, H, W] -> same: x + concat(C/2, C/4 and C/4 channels)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv(channels, channels // 2, 3, bias=False)
        self.conv2 = conv(channels // 2, channels // 4, 3, bias=False)
        self.conv3 = conv(channels // 4, channels // 4, 3, bias=False)
        # Published checkpoints carry a 1x1 convolution that is never used: kept for a round trip.
        self.register_buffer("unused", torch.zeros(channels, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.conv1(F.relu(F.instance_norm(x, eps=EPS)))
        x2 = self.conv2(F.relu(F.instance_norm(x1, eps=EPS)))
        x3 = self.conv3(F.relu(F.instance_norm(x2, eps=EPS)))
        return x + torch.cat((x1, x2, x3), dim=1)


class HourGlass(nn.Module):
    """Four-level hourglass, [N, C, S, S] -> same if `residual`, else its head [N, 3, S, S]."""

    def __init__(self, channels: int, residual: bool = True):
        super().__init__()
        self.skip = nn.ModuleList([ConvBlock(channels) for _ in range(4)])
        self.down = nn.ModuleList([ConvBlock(channels) for _ in range(4)])
        self.middle = nn.ModuleList([ConvBlock(channels) for _ in range(2)])
        self.up = nn.ModuleList([ConvBlock(channels) for _ in range(3)])
        self.tail = ConvBlock(channels)
        self.tail_conv = conv(channels, channels, 1, bias=False)
        self.head = conv(channels, 3, 1)
        self.residual = residual
        if residual:
            self.from_tail = conv(channels, channels, 1)
            self.from_head = conv(3, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, skips = x, []
        for skip, down in zip(self.skip, self.down):
            skips.append(skip(y))
            y = down(F.avg_pool2d(y, 2))
        y = upsample(self.middle[1](self.middle[0](y))) + skips[3]
        for level, up in zip((2, 1, 0), self.up):
            y = upsample(up(y)) + skips[level]
        y = F.relu(F.instance_norm(self.tail_conv(self.tail(y)), eps=EPS))
        head = self.head(y)
        return x + self.from_tail(y) + self.from_head(head) if self.residual else head


class UpBlock(nn.Module):
    """Nearest x2, conv 3x3, LIN, ReLU: [N, inputs, H, W] -> [N, outputs, 2H, 2W]."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = conv(inputs, outputs, 3, bias=False)
        self.norm = Lin(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(upsample(x))))


class Paper(Generator):
    """Photograph [N, 3, S, S] in [-1, 1] -> `Drawing`; base channels a multiple of 4, S of 16."""

    def __init__(self, base_channels: int, image_size: int, groups: int, branch: Sequence[str] = BRANCH):
        super().__init__(base_channels, image_size, groups, branch)
        if base_channels % 4 or image_size % 16 or image_size < 32:
            raise ValueError(f"base channels {base_channels} must be a multiple of 4, size {image_size} of 16 from 32")
        c = base_channels
        self.stem = conv(3, c, 7, bias=False)
        self.hourglass1 = HourGlass(c)
        self.hourglass2 = HourGlass(c)
        self.down1 = conv(c, 2 * c, 3, stride=2, bias=False)
        self.down2 = conv(2 * c, 4 * c, 3, stride=2, bias=False)
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
        self.up1 = UpBlock(4 * c, 2 * c)
        self.up2 = UpBlock(2 * c, c)
        self.hourglass3 = HourGlass(c)
        self.hourglass4 = HourGlass(c, residual=False)
        self.head = conv(3, 3, 7, bias=False)
        self.split_branches()

    def forward(self, x: Tensor, order: Sequence[int] = (0,)) -> Drawing:
        group = self.set_order(order, x.shape[0])
        y = F.relu(F.instance_norm(self.stem(x), eps=EPS))
        y = self.hourglass2(self.hourglass1(y))
        y = F.relu(F.instance_norm(self.down1(y), eps=EPS))
        y = F.relu(F.instance_norm(self.down2(y), eps=EPS))
        contents = []
        for encode in (self.encode1, self.encode2, self.encode3, self.encode4):
            y = encode(y)
            contents.append(average(y))
        y, cam_logit = self.cam(y, group)
        heatmap = y.sum(dim=1, keepdim=True)
        style = self.style(average(y))
        for decode, content in zip((self.decode1, self.decode2, self.decode3, self.decode4), reversed(contents)):
            y = decode(y, style, content)
        y = self.hourglass3(self.up2(self.up1(y)))
        return Drawing(torch.tanh(self.head(self.hourglass4(y))), cam_logit, heatmap)


# Our name -> official name, first match wins; `{g}` stands for the suffix of the group.
_OFFICIAL = [
    (r"stem\.weight", "ConvBlock1{g}.1.weight"),
    (r"head\.weight", "ConvBlock2{g}.1.weight"),
    (r"down(\d)\.weight", r"DownBlock\1.1.weight"),
    (r"encode(\d)\.conv1\.weight", r"EncodeBlock\1.conv_block.1.weight"),
    (r"encode(\d)\.conv2\.weight", r"EncodeBlock\1.conv_block.5.weight"),
    (r"cam\.conv\.", "conv1x1."),
    (r"cam\.(gap|gmp)\.", r"\1_fc_new."),
    (r"style\.fc1\.", "FC.0."),
    (r"style\.fc2\.", "FC.2."),
    (r"decode(\d)\.conv", r"DecodeBlock\1.conv"),
    (r"decode(\d)\.(norm\d)\.rho", r"DecodeBlock\1.\2.norm.rho"),
    (r"decode(\d)\.(norm\d)\.mix_", r"DecodeBlock\1.\2.w_"),
    (r"decode(\d)\.(norm\d)\.style_", r"DecodeBlock\1.\2.s_"),
    (r"decode(\d)\.(norm\d)\.content_(gamma|beta)\.fc1\.", r"DecodeBlock\1.\2.c_\3.0."),
    (r"decode(\d)\.(norm\d)\.content_(gamma|beta)\.fc2\.", r"DecodeBlock\1.\2.c_\3.2."),
    (r"up(\d)\.conv\.", r"UpBlock\1.2."),
    (r"up(\d)\.norm\.", r"UpBlock\1.3."),
    (r"hourglass(\d)\.skip\.(\d)\.", r"HourGlass\1{g}.HG.0.ConvBlock{+\2}_1."),
    (r"hourglass(\d)\.down\.(\d)\.", r"HourGlass\1{g}.HG.0.ConvBlock{+\2}_2."),
    (r"hourglass(\d)\.middle\.0\.", r"HourGlass\1{g}.HG.0.ConvBlock5."),
    (r"hourglass(\d)\.middle\.1\.", r"HourGlass\1{g}.HG.0.ConvBlock6."),
    (r"hourglass(\d)\.up\.0\.", r"HourGlass\1{g}.HG.0.ConvBlock7."),
    (r"hourglass(\d)\.up\.1\.", r"HourGlass\1{g}.HG.0.ConvBlock8."),
    (r"hourglass(\d)\.up\.2\.", r"HourGlass\1{g}.HG.0.ConvBlock9."),
    (r"hourglass(\d)\.tail\.", r"HourGlass\1{g}.HG.1."),
    (r"hourglass(\d)\.tail_conv\.", r"HourGlass\1{g}.HG.2."),
    (r"hourglass(\d)\.head\.", r"HourGlass\1{g}.Conv1."),
    (r"hourglass(\d)\.from_tail\.", r"HourGlass\1{g}.Conv2."),
    (r"hourglass(\d)\.from_head\.", r"HourGlass\1{g}.Conv3."),
]


def official_name(key: str) -> str:
    """The official name of a key of `Paper.state_dict()`."""
    group = 0
    branched = re.search(r"\.each\.(\d+)", key)
    if branched:
        group = int(branched.group(1))
        key = key.replace(branched.group(0), "")
    for pattern, replacement in _OFFICIAL:
        name, count = re.subn("^" + pattern, replacement, key)
        if count:
            break
    else:
        raise KeyError(f"no official name for {key}")
    name = name.replace("{g}", f"_{group}" if group else "")
    name = re.sub(r"\{\+(\d)\}", lambda level: str(int(level.group(1)) + 1), name)
    name = re.sub(r"^(HourGlass.*)\.conv(\d)\.weight$", r"\1.ConvBlock\2.3.weight", name)
    return re.sub(r"\.unused$", ".ConvBlock4.2.weight", name)


def _official_shape(name: str, value: Tensor) -> Tensor:
    if name.endswith((".rho", ".gamma", ".beta")):
        return value.reshape(1, -1, 1, 1)
    if name.endswith((".w_gamma", ".w_beta")):
        return value.reshape(1, -1)
    return value


def to_official(generator: Paper, form: str = FEW_SHOT) -> State:
    """All weights under the names and shapes of a published checkpoint."""
    if form == PHOTO2CARTOON and generator.groups != 1:
        raise ValueError(f"photo2cartoon has one group, not {generator.groups}")
    named = ((official_name(key).replace(FEW_SHOT, form), value) for key, value in generator.state_dict().items())
    return {name: _official_shape(name, value).contiguous() for name, value in named}


def from_official(state: State, image_size: int, groups: Optional[int] = None) -> Paper:
    """A generator with the weights of a published checkpoint; sizes are read from the tensors."""
    form = FEW_SHOT if f"gap{FEW_SHOT}.weight" in state else PHOTO2CARTOON
    groups = groups or state[f"gap{form}.weight"].shape[0]
    generator = Paper(state["ConvBlock1.1.weight"].shape[0], image_size, groups)
    names = {key: official_name(key).replace(FEW_SHOT, form) for key in generator.state_dict()}
    ours = generator.state_dict()
    generator.load_state_dict({key: state[names[key]].reshape(value.shape) for key, value in ours.items()})
    return generator.eval()
