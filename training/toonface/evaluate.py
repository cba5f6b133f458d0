"""Scores of a checkpoint on held-out pairs, by group.

    python -m toonface.evaluate --checkpoint RUN2/last.pt --before RUN1/last.pt --data DATA [--json scores.json]
    python -m toonface.evaluate --checkpoint RUN2/last.pt --photos DIR --group man --sheet look.png

The rows are: the photograph itself, the base branch before stage 2 (`--before`), the checkpoint, and the
checkpoint rounded to f16 as a package stores it. The second form only draws photographs that have no
cartoon.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List

import torch
from torch import Tensor
from torch.nn import functional as F

from . import checkpoint
from .data import pictures_in, read_pairs, read_picture, to_floats
from .groups import Generator
from .losses import gradients
from .sheet import write_sheet

LUMA = (0.299, 0.587, 0.114)
EDGE = 0.25  # least step of luminance, of 2, that counts as a line
BATCH = 8


def luminance(x: Tensor) -> Tensor:
    """[N, 3, S, S] -> [N, 1, S, S]."""
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def l1(picture: Tensor, target: Tensor) -> float:
    """Mean absolute difference of pictures in [-1, 1]."""
    return (picture - target).abs().mean().item()


def ssim(picture: Tensor, target: Tensor) -> float:
    """Structural similarity of luminance in [0, 1], 11 x 11 Gaussian window (sigma 1.5)."""
    line = torch.exp(-(torch.arange(11.0) - 5).square() / (2 * 1.5**2))
    window = (line[:, None] * line[None])[None, None] / line.sum().square()

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window)

    a, b = (luminance(picture) + 1) / 2, (luminance(target) + 1) / 2
    mean_a, mean_b = blur(a), blur(b)
    var_a = blur(a * a) - mean_a.square()
    var_b = blur(b * b) - mean_b.square()
    both = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    scores = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    return (scores / ((mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2))).mean().item()


def edges(x: Tensor) -> Tensor:
    """Pixels on a line, as 0 or 1 [N, 1, S, S]."""
    dx, dy = gradients(luminance(x))
    strength = F.pad(dx.abs(), (0, 1)) + F.pad(dy.abs(), (0, 0, 0, 1))
    return (strength > EDGE).float()


def edge_f1(picture: Tensor, target: Tensor) -> float:
    """F1 of line pixels, a pixel to either side allowed."""
    ours, theirs = edges(picture), edges(target)
    near_ours, near_theirs = (F.max_pool2d(x, 3, 1, 1) for x in (ours, theirs))
    precision = (ours * near_theirs).sum() / ours.sum().clamp(min=1)
    recall = (theirs * near_ours).sum() / theirs.sum().clamp(min=1)
    return (2 * precision * recall / (precision + recall).clamp(min=1e-6)).item()


def draw(generator: Generator, photo: Tensor, group: int) -> Tensor:
    """Cartoons of photographs [N, 3, S, S] by the branch of `group`, or by the last that there is."""
    order = (min(group, generator.groups - 1),)
    with torch.no_grad():
        return torch.cat([generator(part, order).picture for part in photo.split(BATCH)])


def round_to_half(generator: Generator) -> Generator:
    """The same weights after a trip through f16."""
    generator.load_state_dict({name: value.half().float() for name, value in generator.state_dict().items()})
    return generator


def table(rows: List[Dict[str, Any]]) -> str:
    """The scores as Markdown."""
    lines = ["| group | drawn by | pairs | L1 | SSIM | edge F1 |", "|---|---|---|---|---|---|"]
    for row in rows:
        scores = f"{row['l1']:.4f} | {row['ssim']:.3f} | {row['edge_f1']:.3f}"
        lines.append(f"| {row['group']} | {row['drawn_by']} | {row['pairs']} | {scores} |")
    return "\n".join(lines)


def score(arguments: argparse.Namespace) -> None:
    """Prints the table and writes what else was asked for."""
    saved = checkpoint.load(arguments.checkpoint)
    size = saved.config.model.image_size
    models = {}
    if arguments.before:
        models["base branch"] = checkpoint.load(arguments.before).generator
    models["this model"] = saved.generator
    models["this model, f16"] = round_to_half(checkpoint.load(arguments.checkpoint).generator)
    rows, pictures = [], []
    for index, group in enumerate(saved.config.data.groups):
        pairs = read_pairs(arguments.data / saved.config.data.heldout / group, size)
        photo, cartoon = to_floats(pairs.photo), to_floats(pairs.cartoon)
        drawn = {"photograph": photo, **{name: draw(model, photo, index) for name, model in models.items()}}
        for name, picture in drawn.items():
            scores = {"l1": l1(picture, cartoon), "ssim": ssim(picture, cartoon), "edge_f1": edge_f1(picture, cartoon)}
            rows.append({"group": group, "drawn_by": name, "pairs": len(photo), **scores})
        pictures += [photo[:10], cartoon[:10]] + [drawn[name][:10] for name in models if name != "this model, f16"]
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if arguments.sheet:
        write_sheet(arguments.sheet, pictures)


def look(arguments: argparse.Namespace) -> None:
    """Draws photographs: rows of photographs, each above its drawings."""
    saved = checkpoint.load(arguments.checkpoint)
    groups = saved.config.data.groups
    files = pictures_in(arguments.photos)[: arguments.limit]
    photo = torch.stack([read_picture(path, saved.config.model.image_size) for path in files])
    wanted = groups if arguments.group == "all" else [arguments.group]
    rows = []
    for start in range(0, len(photo), 10):
        part = photo[start : start + 10]
        rows += [part] + [draw(saved.generator, part, groups.index(name)) for name in wanted]
    write_sheet(arguments.sheet, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, help="PNG of pictures to look at")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of the pairs")
    source.add_argument("--photos", type=Path, help="folder of photographs without cartoons, with --sheet")
    parser.add_argument("--before", type=Path, help="with --data: checkpoint before stage 2")
    parser.add_argument("--json", type=Path, help="with --data: write the scores for CARD.md")
    parser.add_argument("--group", default="all", help="with --photos: branch to draw with")
    parser.add_argument("--limit", type=int, default=40, help="with --photos: at most so many")
    arguments = parser.parse_args()
    if arguments.data:
        score(arguments)
    elif arguments.sheet is None:
        parser.error("--photos needs --sheet")
    else:
        look(arguments)


if __name__ == "__main__":
    main()
