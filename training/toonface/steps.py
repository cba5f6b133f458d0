"""Fixtures for training inside a game: the weights of a branch after one step, from the fixtures of the generators.

    python -m toonface.steps --fixtures ../tests/fixtures

Two examples (photographs: waves for Lite, the inputs of two groups' fixtures for Paper; targets: waves), the game's
loss, one step of Adam (0.9, 0.999) with learning rate 1e-3 on group 0, all in f64. Writes
few_shot/{lite,paper}_{output,branch}.safetensors: `loss` [1], and every tensor of the branch that was trained, as it is
after the step, and its gradient as `gradient.NAME`, under the names of the package (Lite) or of published checkpoints
(Paper). And few_shot/attention.safetensors: the gradients of a small network of global maxima, CAM logits and a sum over
channels, none of which is on the way of the loss of a generator, with its weights (`before.NAME`) and examples.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Callable, Dict, Sequence

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from . import config, package
from .groups import CAM_ROWS, Generator
from .layers import average, mixed_norm, upsample
from .losses import edge_loss, line_weight, pixel_loss
from .paper import from_official, to_official

# Defaults of TrainingOptions in src/model/autodiff/training.rs.
LINE, INK, EDGE = 4.0, 6.0, 2.0
# Modules behind the trunk.
OUTPUT = {"lite": ("up1", "up2", "merge", "head"), "paper": ("hourglass4", "head")}


def read_lite(fixtures: Path) -> Generator:
    """The tiny package."""
    model = config.ModelConfig(base_channels=4, image_size=64)
    return package.read_weights(fixtures / "lite", config.build_generator(model, 2), ["first", "second"])


def read_paper(fixtures: Path) -> Generator:
    """The golden weights."""
    return from_official(load_file(fixtures / "golden" / "weights.safetensors"), 64)


def lite_names(generator: Generator) -> Dict[str, Tensor]:
    """Group 0's branch under the package's names."""
    return generator.split_state()[1][0]


def paper_names(generator: Generator) -> Dict[str, Tensor]:
    """All weights under official names."""
    return to_official(generator)


def game_loss(picture: Tensor, target: Tensor) -> Tensor:
    """L1, where lines count more, and the edges' L1: what a `FewShotSession` minimises."""
    return pixel_loss(picture, target, line_weight(target, LINE, INK)) + EDGE * edge_loss(picture, target)


def step(generator: Generator, modules: Sequence[str], photo: Tensor, target: Tensor) -> float:
    """One step on the weights of group 0 in these modules, or in the whole branch if none is named; the loss before."""

    def trained(name: str) -> bool:
        if modules:
            return ".each.0." in name and name.startswith(tuple(f"{module}." for module in modules))
        return ".each.0." in name or name.startswith(CAM_ROWS)

    weights = [weight for name, weight in generator.named_parameters() if trained(name)]
    optimiser = torch.optim.Adam(weights, lr=1e-3)
    picture = generator(photo, (0,)).picture
    loss = game_loss(picture, target)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    generator.clamp_mixes()
    return loss.item()


# Inputs of groups' fixtures, moved down and right around the edges. Of the two million values before a ReLU, some are
# always as near to zero as f32 rounds them, and are gated one way or the other: torch's own f32 gradients of group 0's branch at
# shift (0, 0) are 2e-3 from its f64 ones for two such values. Among 337 shifts, these two are those whose values keep furthest
# away: more than twice the rounding error (RMS) of their layer.
PAPER_PHOTOS = ((0, (17, 22)), (3, (25, 5)))
SHAPES = {
    "conv1.weight": (5, 3, 3, 3),
    "conv1.bias": (5,),
    "gap.weight": (5,),
    "gap.bias": (1,),
    "gmp.weight": (5,),
    "gmp.bias": (1,),
    "linear.weight": (8, 7),
    "linear.bias": (8,),
    "conv2.weight": (4, 6, 3, 3),
    "conv2.bias": (4,),
    "rho": (4,),
    "conv3.weight": (3, 4, 1, 1),
    "conv3.bias": (3,),
}


def attention(x: Tensor, weights: Dict[str, Tensor]) -> Tensor:
    """The network `attention` of tests/common/training.rs, [N, 3, H, W] -> [N, 3, 2H, 2W]."""

    def conv(x: Tensor, name: str, pad: int) -> Tensor:
        padded = F.pad(x, (pad,) * 4, mode="reflect") if pad else x
        return F.conv2d(padded, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = upsample(conv(x, "conv1", 1))
    maximum = x.amax(dim=(2, 3))
    logits = [v @ weights[f"{k}.weight"] + weights[f"{k}.bias"] for k, v in (("gap", average(x)), ("gmp", maximum))]
    style = F.linear(torch.cat((maximum, torch.stack(logits, dim=1)), dim=1), weights["linear.weight"], weights["linear.bias"])
    y = conv(torch.cat((x, x.sum(dim=1, keepdim=True)), dim=1), "conv2", 1)
    y = mixed_norm(y, weights["rho"], style[:, :4], style[:, 4:])
    return torch.tanh(conv(y, "conv3", 0))


def attention_fixture() -> Dict[str, Tensor]:
    """Weights, two examples, loss and gradients."""
    random = torch.Generator().manual_seed(20240010)
    uniform = {name: torch.rand(shape, generator=random) for name, shape in SHAPES.items()}
    before = {name: value if name == "rho" else 1.2 * value - 0.6 for name, value in uniform.items()}
    weights = {name: value.double().requires_grad_() for name, value in before.items()}
    photo, target = (2 * torch.rand(2, 3, side, side + 2 * (side // 9), generator=random) - 1 for side in (9, 18))
    picture = attention(photo.double(), weights)
    loss = game_loss(picture, target.double())
    loss.backward()
    result = {f"before.{name}": value for name, value in before.items()}
    result.update({f"gradient.{name}": value.grad for name, value in weights.items() if value.grad is not None})
    result.update({f"photo{k}": photo[k] for k in (0, 1)}, **{f"target{k}": target[k] for k in (0, 1)})
    return {**result, "loss": loss.detach()[None]}


def waves(k: int) -> Tensor:
    """A picture [3, 64, 64]. Nothing in it is flat: where neighbours are equal, the sign of L1's gradient is rounding's."""
    c, y, x = torch.meshgrid(torch.arange(3.0), torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return (0.8 * torch.sin(0.7 * x.double() * (c + 1) + 1.3 * y + k)).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", type=Path, required=True)
    fixtures = parser.parse_args().fixtures
    readers: Dict[str, Callable[[Path], Generator]] = {"lite": read_lite, "paper": read_paper}
    out = fixtures / "few_shot"
    out.mkdir(exist_ok=True)
    for form, reader in readers.items():
        target = torch.stack([waves(k) for k in (0, 1)]).double()
        if form == "lite":
            photo = torch.stack([waves(k) for k in (2, 3)]).double()
        else:
            # Pooled four times, a wave is flat, and norms of what is flat are norms of rounding.
            pictures = [
                torch.roll(load_file(fixtures / "golden" / f"g{group}.safetensors")["input"], shift, dims=(2, 3))
                for group, shift in PAPER_PHOTOS
            ]
            photo = torch.cat(pictures).double()
        names = lite_names if form == "lite" else paper_names
        for scope, modules in (("output", OUTPUT[form]), ("branch", ())):
            generator = reader(fixtures).train().double()
            before = {name: value.clone() for name, value in names(generator).items()}
            loss = step(generator, modules, photo, target)
            after = names(generator)
            after = {name: value.clone() for name, value in after.items() if not torch.equal(value, before[name])}
            changed = {name: value.contiguous() for name, value in after.items()}
            # The same names and shapes, with gradients in place of weights.
            slopes = {key: weight.grad for key, weight in generator.named_parameters() if weight.grad is not None}
            generator.load_state_dict({**generator.state_dict(), **slopes})
            named = names(generator)
            changed.update({f"gradient.{name}": named[name].contiguous().clone() for name in list(changed)})
            changed["loss"] = torch.tensor([loss])
            path = out / f"{form}_{scope}.safetensors"
            save_file({name: value.float() for name, value in changed.items()}, path)
            print(f"{path.name}: {len(changed) // 2} tensors, loss {loss:.6f}, {path.stat().st_size} bytes")
    save_file({name: value.float().contiguous() for name, value in attention_fixture().items()}, out / "attention.safetensors")


if __name__ == "__main__":
    main()
