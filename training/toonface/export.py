"""Writes model packages; nothing else writes weights that the plugin loads.

    python -m toonface.export --checkpoint RUN/last.pt --out DIR --half [--scores RUN/scores.json]
    python -m toonface.export --random 7 --config configs/stage1.toml --out DIR [--half] [--reference DIR]

`--reference` writes g0, g1, ..safetensors: input, output and taps computed with the weights as stored.
A `Paper` generator is written as `official.safetensors`, with the names of published checkpoints; the plugin's
example `import_checkpoint` makes the package of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Optional

import torch
from safetensors.torch import save_file

from . import card, checkpoint, config, lite, official, package, paper
from .data import read_picture
from .groups import Generator, randomise, run_with_taps


def write_reference(folder: Path, generator: Generator, picture: Optional[Path]) -> None:
    """Input, output and taps of each group; a random picture if none is given."""
    taps = lite.TAPS if isinstance(generator, lite.Lite) else paper.TAPS
    folder.mkdir(parents=True, exist_ok=True)
    for group in range(generator.groups):
        if picture is None:
            x = official.test_picture(generator.image_size, 100 + group)
        else:
            x = read_picture(picture, generator.image_size)[None]
        results = run_with_taps(generator, x, group, taps)
        results["cam_logit"] = results["cam_logit"][0]
        save_file(results, folder / f"g{group}.safetensors")


def write_official(out: Path, generator: paper.Paper) -> None:
    """`official.safetensors`, and how the plugin gets it."""
    out.mkdir(parents=True, exist_ok=True)
    save_file(paper.to_official(generator), out / "official.safetensors")
    size = f"--base-channels {generator.base_channels} --image-size {generator.image_size}"
    print(f"cargo run --release --example import_checkpoint -- {out / 'official.safetensors'} {size} --out PACKAGE")


def card_text(arguments: argparse.Namespace, saved: checkpoint.Checkpoint) -> str:
    """CARD.md with the scores that were given."""
    scores = json.loads(arguments.scores.read_text()) if arguments.scores else None
    ablation = json.loads(arguments.ablation.read_text()) if arguments.ablation else None
    return card.text(arguments.name, saved, scores, ablation, arguments.half, arguments.note)


def export(arguments: argparse.Namespace) -> None:
    """What the command line asks for. Everything is read before anything is written."""
    if arguments.checkpoint:
        saved = checkpoint.load(arguments.checkpoint)
        settings, generator = saved.config, saved.generator
    else:
        settings = config.load(arguments.config) if arguments.config else config.Config()
        torch.manual_seed(arguments.random)
        generator = config.build_generator(settings.model, len(settings.data.groups))
        randomise(generator, arguments.random)
    if isinstance(generator, paper.Paper):
        write_official(arguments.out, generator)
        return
    groups = settings.data.groups
    text = card_text(arguments, saved) if arguments.checkpoint else None
    package.write(arguments.out, arguments.name, generator, settings.model, groups, arguments.half)
    if text:
        (arguments.out / "CARD.md").write_text(text)
    if arguments.reference:
        stored = config.build_generator(settings.model, len(groups))
        package.read_weights(arguments.out, stored, groups)
        write_reference(arguments.reference, stored, arguments.picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="checkpoint of a run")
    source.add_argument("--random", type=int, metavar="SEED", help="random weights, for tests")
    parser.add_argument("--config", type=Path, help="with --random: the model and its groups")
    parser.add_argument("--out", type=Path, required=True, help="folder of the package")
    parser.add_argument("--name", default="toon", help="name of the model and of its manifest")
    parser.add_argument("--half", action="store_true", help="store f16")
    parser.add_argument("--scores", type=Path, help="JSON written by toonface.evaluate, for CARD.md")
    parser.add_argument("--ablation", type=Path, help="JSON written by toonface.ablation, for CARD.md")
    parser.add_argument("--note", default="", help="a sentence about this training, for CARD.md")
    parser.add_argument("--reference", type=Path, metavar="DIR", help="write input, output and taps for each group")
    parser.add_argument("--picture", type=Path, help="input of --reference")
    arguments = parser.parse_args()
    try:
        export(arguments)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    for file in sorted(arguments.out.iterdir()):
        print(f"{file.stat().st_size:>9} {file.name}")


if __name__ == "__main__":
    main()
