"""One trunk, one branch for each group.

A generator is written as if it served a single group; `Generator.split_branches` then replaces the
modules of its branch by `Branched` copies. A batch is a row of equal chunks, one for each entry of
`order`: order (0, 2) with a batch of 4 means two samples of group 0, then two of group 2.
"""

from __future__ import annotations

import copy
from typing import Dict, List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor, nn

State = Dict[str, Tensor]
CAM_ROWS = ("cam.gap.", "cam.gmp.")


class Drawing(NamedTuple):
    """What a generator returns."""

    picture: Tensor  # [N, 3, S, S] in [-1, 1]
    cam_logit: Tensor  # [N, 2, groups], from the average and from the maximum
    heatmap: Tensor  # [N, 1, S / 4, S / 4]


class Branched(nn.Module):
    """One copy of a module for each group; every copy sees its own chunk of the batch."""

    def __init__(self, module: nn.Module, groups: int):
        super().__init__()
        self.each = nn.ModuleList([copy.deepcopy(module) for _ in range(groups)])
        self.order: Tuple[int, ...] = (0,)

    def forward(self, *inputs: Tensor) -> Tensor:
        chunks = zip(*(x.chunk(len(self.order)) for x in inputs))
        return torch.cat([self.each[group](*chunk) for group, chunk in zip(self.order, chunks)])


class Generator(nn.Module):
    """Base of the generators: holds the groups and moves weights between trunk and branches."""

    def __init__(self, base_channels: int, image_size: int, groups: int, branch: Sequence[str]):
        super().__init__()
        self.base_channels = base_channels
        self.image_size = image_size
        self.groups = groups
        self.branch = tuple(branch)

    def split_branches(self) -> None:
        """Replaces each module named in `branch` by one copy for each group."""
        for path in self.branch:
            parent, _, name = path.rpartition(".")
            owner = self.get_submodule(parent)
            setattr(owner, name, Branched(getattr(owner, name), self.groups))

    def set_order(self, order: Sequence[int], samples: int) -> Tensor:
        """Tells the branches who is in the batch; returns the group of each sample [N]."""
        if samples % len(order):
            raise ValueError(f"a batch of {samples} cannot be split into {len(order)} equal chunks")
        for module in self.modules():
            if isinstance(module, Branched):
                module.order = tuple(order)
        return torch.tensor(order).repeat_interleave(samples // len(order))

    def is_branch(self, key: str) -> bool:
        """True for a state dict key that belongs to the branches."""
        return ".each." in key or key.startswith(CAM_ROWS)

    def clamp_mixes(self) -> None:
        """Keeps rho and the mixes of the norms in [0, 1]; call it after every optimiser step."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.rpartition(".")[2] in ("rho", "mix_gamma", "mix_beta"):
                    parameter.clamp_(0, 1)

    def split_state(self) -> Tuple[State, List[State]]:
        """Weights as (trunk, one branch for each group); branches carry the names without a group."""
        trunk: State = {}
        branches: List[State] = [{} for _ in range(self.groups)]
        for key, value in self.state_dict().items():
            if key.startswith(CAM_ROWS):
                for group in range(self.groups):
                    branches[group][key] = value[group] if value.dim() == 2 else value[group : group + 1]
            elif ".each." in key:
                path, rest = key.split(".each.")
                group, name = rest.split(".", 1)
                branches[int(group)][f"{path}.{name}"] = value
            else:
                trunk[key] = value
        return trunk, branches

    def join_state(self, trunk: State, branches: Sequence[State]) -> None:
        """Loads weights written by `split_state`.

        One branch alone is copied to every group; a module that was in the trunk when the weights were
        written and is in the branch now starts from the trunk's weights.
        """
        if len(branches) == 1:
            branches = list(branches) * self.groups
        branches = [{**trunk, **branch} for branch in branches]
        state: State = {}
        for key in self.state_dict():
            if key.startswith(CAM_ROWS):
                state[key] = torch.stack([branch[key].reshape(-1) for branch in branches])
                if key.endswith("bias"):
                    state[key] = state[key].flatten()
            elif ".each." in key:
                path, rest = key.split(".each.")
                group, name = rest.split(".", 1)
                state[key] = branches[int(group)][f"{path}.{name}"]
            else:
                state[key] = trunk[key]
        self.load_state_dict(state)


def run_with_taps(generator: Generator, x: Tensor, group: int, taps: Dict[str, str]) -> State:
    """Runs one group and returns input, output, cam_logit, heatmap and the outputs of modules.

    `taps` maps the name of a result to the path of a module.
    """
    results: State = {}
    hooks = [
        generator.get_submodule(path).register_forward_hook(
            lambda module, inputs, output, name=name: results.__setitem__(name, output)
        )
        for name, path in taps.items()
    ]
    try:
        with torch.no_grad():
            drawing = generator(x, (group,))
    finally:
        for hook in hooks:
            hook.remove()
    results.update(input=x, output=drawing.picture, cam_logit=drawing.cam_logit, heatmap=drawing.heatmap)
    return {name: value.contiguous().clone() for name, value in results.items()}


def randomise(generator: Generator, seed: int) -> None:
    """Random weights that exercise every term: no zero bias, no mix at its end, no saturated output."""
    random = torch.Generator().manual_seed(seed)

    def normal(like: Tensor, mean: float, std: float) -> Tensor:
        return torch.randn(like.shape, generator=random) * std + mean

    def uniform(like: Tensor) -> Tensor:
        return 0.1 + 0.8 * torch.rand(like.shape, generator=random)

    with torch.no_grad():
        for key, value in generator.state_dict().items():
            name = key.rpartition(".")[2]
            if name in ("rho", "mix_gamma", "mix_beta"):
                value.copy_(uniform(value))
            elif name == "gamma":
                value.copy_(normal(value, 1.0, 0.25))
            elif name in ("beta", "bias"):
                value.copy_(normal(value, 0.0, 0.3 if name == "beta" else 0.1))
            else:
                fan_in = value[0].numel()
                value.copy_(normal(value, 0.0, 1.27 / fan_in**0.5))
