"""The ablation of the paper: four ways to serve a new group with few pairs, same pairs, same budget.

    python -m toonface.ablation --config configs/ablation.toml --data DATA --base RUN1/last.pt --out RUN/ablation
        [--features RUN/features.pt] [--json ablation.json]

(a) the base branch draws every group; (b) everything is fine-tuned on the group's few pairs; (c) the group alone, from
scratch; (d) ours, stage 2. (b), (c) and (d) take as many steps, with as many pictures of the new group a step and the
same losses and rates; (d) serves all groups with one trunk, (b) and (c) need a whole network each.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from torch import Tensor

from . import checkpoint, config, features
from .data import Pairs, read_pairs, to_floats
from .evaluate import draw, measure, table
from .groups import Generator
from .train import read_backdrops, read_training_pairs
from .trainer import Trainer

NAMES = {"a": "(a) base branch", "b": "(b) all fine-tuned", "c": "(c) from scratch", "d": "(d) ours"}


def alone(settings: config.Config, group: str) -> config.Config:
    """Settings of (b) and (c): stage 1 on the few pairs of one group."""
    own = copy.deepcopy(settings)
    own.data.groups, own.data.base = [group], settings.data.few
    own.train.stage, own.train.batch = 1, settings.train.few_batch
    own.train.learning_rate = settings.train.few_learning_rate
    return own


def trained(
    settings: config.Config, pairs: List[Pairs], backdrops: Optional[Tensor], init: Optional[Path], kept: Path
) -> Generator:
    """The averaged weights after the budget. A result that is there already is not made again."""
    trainer = Trainer(settings, pairs, backdrops=backdrops)
    if kept.exists():
        trainer.resume(kept)
    elif init:
        trainer.start_from(init)
    while trainer.step < settings.train.steps:
        trainer.train_step()
    if not kept.exists():
        trainer.save(kept)
        print(f"{kept.stem}: {trainer.step} steps", flush=True)
    return trainer.average.eval()


def compare(arguments: argparse.Namespace) -> List[Dict[str, Any]]:
    """Rows of the ablation table."""
    settings = config.load(arguments.config)
    torch.set_num_threads(settings.train.threads)
    network = features.load(arguments.features) if arguments.features else None
    pairs, groups = read_training_pairs(settings, arguments.data), settings.data.groups
    heldout = [read_pairs(arguments.data / settings.data.heldout / name, settings.train.image_size) for name in groups]
    base = checkpoint.load(arguments.base).generator
    backdrops = read_backdrops(pairs, settings, arguments.data)
    ours = trained(settings, pairs, backdrops, arguments.base, arguments.out / "d.pt")
    rows: List[Dict[str, Any]] = []

    def add(way: str, index: int, generator: Generator, branch: int) -> None:
        photo, cartoon = to_floats(heldout[index].photo), to_floats(heldout[index].cartoon)
        values = measure(draw(generator, photo, branch), cartoon, network)
        rows.append({"group": groups[index], "drawn_by": NAMES[way], "pairs": len(photo), **values})

    add("a", 0, base, 0)
    add("d", 0, ours, 0)
    for index, group in enumerate(groups[1:], start=1):
        own = alone(settings, group)
        add("a", index, base, 0)
        for way, init in (("b", arguments.base), ("c", None)):
            kept = arguments.out / f"{way}_{group}.pt"
            add(way, index, trained(own, [pairs[index]], backdrops, init, kept), 0)
        add("d", index, ours, index)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="settings of (d)")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="checkpoint of stage 1")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--features", type=Path, help="network for rank-1 and KID (toonface.features)")
    parser.add_argument("--json", type=Path, help="write the rows for CARD.md")
    arguments = parser.parse_args()
    try:
        rows = compare(arguments)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
