"""The ablation of the paper: four ways to serve a new group with few pairs, same pairs, same budget.

    python -m toonface.ablation --config configs/stage2.toml configs/polish.toml --data DATA --photos PHOTOS
        --base RUN/base/last.pt --ours RUN/all/last.pt RUN/polish/last.pt --out RUN/ablation
        [--features RUN/features.pt] [--json ablation.json]

(a) the base branch draws every group; (b) everything is fine-tuned on the group's few pairs; (c) the group alone, from
scratch; (d) ours: the runs of `--ours`, one for each config. (b) and (c) go through the same configs one after the other,
with as many steps, as many pictures of the new group a step, and the same losses and rates, and are scored after each;
(d) serves all groups with one trunk, (b) and (c) need a whole network each.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import torch
from torch import Tensor

from . import checkpoint, config, features
from .data import Pairs, read_pairs, to_floats
from .evaluate import draw, measure, table
from .groups import Generator
from .train import read_backdrops, read_photos, read_training_pairs
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
    settings: config.Config, pairs: List[Pairs], unpaired: Tuple[Optional[Tensor], ...], init: Optional[Path], kept: Path
) -> Generator:
    """The averaged weights after one config; `unpaired`: photographs and backdrops. What is there is not made again."""
    trainer = Trainer(settings, pairs, *unpaired)
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


class Ablation:
    """What the ways have in common: settings, pairs, and how a drawing is scored."""

    def __init__(self, arguments: argparse.Namespace):
        if len(arguments.ours) != len(arguments.config):
            raise ValueError(f"--ours: one checkpoint for each config, got {len(arguments.ours)} for {len(arguments.config)}")
        if len({path.stem for path in arguments.config}) != len(arguments.config):
            raise ValueError("--config: two files have one name, by which their runs are told apart; rename one")
        self.arguments = arguments
        self.settings = {path.stem: config.load(path) for path in arguments.config}
        last = list(self.settings.values())[-1]
        torch.set_num_threads(last.train.threads)
        self.groups = last.data.groups
        self.network = features.load(arguments.features) if arguments.features else None
        heldout = arguments.data / last.data.heldout
        self.heldout = [read_pairs(heldout / name, last.train.image_size) for name in self.groups]

    def row(self, way: str, after: str, index: int, generator: Generator, branch: int) -> Dict[str, Any]:
        """Scores of one group's held-out pairs."""
        photo, cartoon = to_floats(self.heldout[index].photo), to_floats(self.heldout[index].cartoon)
        values = measure(draw(generator, photo, branch), cartoon, self.network)
        name = f"{NAMES[way]}, {after}" if after else NAMES[way]
        return {"group": self.groups[index], "drawn_by": name, "pairs": len(photo), **values}

    def alone(self, way: str, index: int, init: Optional[Path]) -> Iterator[Dict[str, Any]]:
        """(b) and (c) of one group, after each config."""
        for stem, settings in self.settings.items():
            own = alone(settings, self.groups[index])
            pairs = read_training_pairs(own, self.arguments.data)
            unpaired = read_photos(self.arguments.photos, own), read_backdrops(pairs, own, self.arguments.data)
            kept = self.arguments.out / f"{way}_{self.groups[index]}_{stem}.pt"
            yield self.row(way, stem, index, trained(own, pairs, unpaired, init, kept), 0)
            init = kept

    def rows(self) -> Iterator[Dict[str, Any]]:
        """The table."""
        base = checkpoint.load(self.arguments.base).generator
        ours = [checkpoint.load(path).generator for path in self.arguments.ours]
        for index in range(len(self.groups)):
            yield self.row("a", "", index, base, 0)
            if index:
                yield from self.alone("b", index, self.arguments.base)
                yield from self.alone("c", index, None)
            for stem, generator in zip(self.settings, ours):
                yield self.row("d", stem, index, generator, index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, nargs="+", required=True, help="settings of (d), one run after the other")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, help="folder of real photographs without cartoons, as for toonface.train")
    parser.add_argument("--base", type=Path, required=True, help="checkpoint of stage 1")
    parser.add_argument("--ours", type=Path, nargs="+", required=True, help="checkpoints of (d), one for each config")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints of (b) and (c)")
    parser.add_argument("--features", type=Path, help="network for rank-1 and KID (toonface.features)")
    parser.add_argument("--json", type=Path, help="write the rows for CARD.md")
    arguments = parser.parse_args()
    try:
        rows = list(Ablation(arguments).rows())
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
