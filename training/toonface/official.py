"""Fixtures in the form of published checkpoints: random official weights and what they compute.

    python -m toonface.official --make --base-channels 16 --image-size 128 --seed 1 --out DIR
    python -m toonface.official --make --form photo2cartoon --base-channels 4 --image-size 64 --out DIR
    python -m toonface.official --check DIR

`--make` writes weights.safetensors and g0, g1, ..safetensors; `--check` compares such files with `Paper`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Dict

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from . import paper
from .groups import randomise, run_with_taps
from .paper import TAPS, Paper, from_official, to_official

# Form of the checkpoint: names of its CAM heads, and groups.
FORMS = {"few_shot_face2cartoon": (paper.FEW_SHOT, 4), "photo2cartoon": (paper.PHOTO2CARTOON, 1)}


def test_picture(image_size: int, seed: int) -> Tensor:
    """Random picture [1, 3, S, S] in [-1, 1]: smooth fields, some grain, and flat white at the border."""
    random = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, image_size, image_size)
    for cells in (4, 8, 16):
        field = torch.randn(1, 3, cells, cells, generator=random)
        picture += 0.5 * F.interpolate(field, size=(image_size, image_size), mode="bicubic", align_corners=False)
    picture += 0.1 * torch.randn(picture.shape, generator=random)
    picture[..., : image_size // 16] = 1
    return picture.clamp(-1, 1)


def make(form: str, base_channels: int, image_size: int, seed: int, out: Path) -> None:
    """Writes random weights with official names, and input, output and taps for each group."""
    heads, groups = FORMS[form]
    generator = Paper(base_channels, image_size, groups).eval()
    randomise(generator, seed)
    out.mkdir(parents=True, exist_ok=True)
    save_file(to_official(generator, heads), out / "weights.safetensors")
    for group in range(groups):
        results = run_with_taps(generator, test_picture(image_size, seed + group), group, TAPS)
        save_file(results, out / f"g{group}.safetensors")
        output = results["output"]
        saturated = (output.abs() > 0.99).float().mean()
        print(f"group {group}: output std {output.std():.3f}, saturated {saturated:.3f}")


def check(folder: Path) -> Dict[str, float]:
    """Largest absolute difference between the files of `folder` and `Paper`, by group and tensor."""
    weights = load_file(folder / "weights.safetensors")
    worst: Dict[str, float] = {}
    for group in range(len(list(folder.glob("g?.safetensors")))):
        expected = load_file(folder / f"g{group}.safetensors")
        generator = from_official(weights, expected["input"].shape[-1])
        results = run_with_taps(generator, expected["input"], group, TAPS)
        for name in sorted(results):
            worst[f"g{group} {name}"] = (results[name] - expected[name]).abs().max().item()
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--make", action="store_true", help="write random weights and their results")
    task.add_argument("--check", type=Path, metavar="DIR", help="compare the files of DIR with this code")
    parser.add_argument("--form", choices=sorted(FORMS), default="few_shot_face2cartoon")
    parser.add_argument("--base-channels", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder to write")
    arguments = parser.parse_args()
    if arguments.check:
        for name, difference in check(arguments.check).items():
            print(f"{name:20} {difference:.2e}")
        return
    if arguments.out is None:
        parser.error("--make needs --out")
    make(arguments.form, arguments.base_channels, arguments.image_size, arguments.seed, arguments.out)


if __name__ == "__main__":
    main()
