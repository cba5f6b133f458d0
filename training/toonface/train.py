"""Trains one stage; run it again to continue.

    python -m toonface.train --config configs/stage1.toml --data DATA --out RUN1 [--init RUN0/last.pt]
    python -m toonface.train --config configs/stage2.toml --data DATA --out RUN2 --init RUN1/last.pt
    torchrun --nproc_per_node 2 -m toonface.train --config ...

Stage 1 trains trunk and base branch on the base group. Stage 2 copies the base branch for each new group and trains
on all groups (`trainer.py`). `--photos DIR` adds real photographs without cartoons.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Dict, List, Optional

import torch
from torch import Tensor

from . import config
from .data import Pairs, pictures_in, read_bytes, read_pairs
from .trainer import Trainer

REPORT_EVERY = 25


def read_training_pairs(settings: config.Config, data: Path) -> List[Pairs]:
    """Pairs of each group of the stage, half as large again as the run, so that zooming in finds detail."""
    groups, size = settings.data.groups, 3 * settings.train.image_size // 2
    folders = [data / settings.data.base / groups[0]]
    if settings.train.stage == 2:
        folders += [data / settings.data.few / group for group in groups[1:]]
    return [read_pairs(folder, size) for folder in folders]


def read_photos(folder: Optional[Path], settings: config.Config) -> Optional[Tensor]:
    """Unpaired photographs, if the run uses any."""
    if folder is None or not settings.train.photo_batch:
        return None
    return read_pictures(folder, 3 * settings.train.image_size // 2)


def read_backdrops(pairs: List[Pairs], settings: config.Config, data: Path) -> Optional[Tensor]:
    """What to put behind people with mattes, as large as the pairs; None if there are no mattes or no folder."""
    folder = data / settings.data.backdrops
    if not folder.is_dir() or all(group.matte is None for group in pairs):
        return None
    return read_pictures(folder, 3 * settings.train.image_size // 2)


def read_pictures(folder: Path, size: int) -> Tensor:
    """All pictures of a folder, uint8 [N, 3, size, size]."""
    files = pictures_in(folder)
    if not files:
        raise ValueError(f"{folder}: no pictures")
    return torch.stack([read_bytes(path, size) for path in files])


def open_board(run: Path) -> Optional[object]:
    """A TensorBoard writer where the package is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run))


def report(trainer: Trainer, seconds: float, values: Dict[str, float], board: Optional[object]) -> None:
    """A line of the log, and the same for TensorBoard."""
    text = " ".join(f"{name} {value:.3f}" for name, value in values.items())
    print(f"step {trainer.step} {seconds:.3f} s/step {text}", flush=True)
    if board:
        for name, value in values.items():
            board.add_scalar(name, value, trainer.step)


def train(trainer: Trainer, run: Path, heldout: List[Pairs]) -> None:
    """Steps until the run is complete."""
    settings = trainer.settings.train
    first, started, begun = trainer.processes.first, time.time(), trainer.step
    board = open_board(run) if first else None
    while trainer.step < settings.steps:
        values = trainer.train_step()
        if not first:
            continue
        last = trainer.step == settings.steps
        if trainer.step % REPORT_EVERY == 0 or last:
            report(trainer, (time.time() - started) / (trainer.step - begun), values, board)
        if trainer.step % settings.sample_every == 0 or last:
            trainer.sheet(run / f"{trainer.step:06}.png", heldout)
        if trainer.step % settings.save_every == 0 or last:
            trainer.save(run / "last.pt")
    trainer.processes.wait()


def prepare(arguments: argparse.Namespace) -> tuple[Trainer, List[Pairs]]:
    """Reads everything before anything is written: bad input stops here, with a message."""
    settings = config.load(arguments.config)
    torch.set_num_threads(settings.train.threads)
    pairs = read_training_pairs(settings, arguments.data)
    heldout = [
        read_pairs(arguments.data / settings.data.heldout / group, settings.train.image_size)
        for group in settings.data.groups
    ]
    backdrops = read_backdrops(pairs, settings, arguments.data)
    trainer = Trainer(settings, pairs, read_photos(arguments.photos, settings), backdrops)
    last = arguments.out / "last.pt"
    if last.exists():
        trainer.resume(last)
        print(f"continuing at step {trainer.step}", flush=True)
    elif arguments.init:
        trainer.start_from(arguments.init)
    return trainer, heldout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the pairs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoints and sample sheets")
    parser.add_argument("--init", type=Path, help="checkpoint of an earlier run to start from")
    parser.add_argument("--photos", type=Path, help="folder of real photographs without cartoons")
    arguments = parser.parse_args()
    try:
        trainer, heldout = prepare(arguments)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")
    train(trainer, arguments.out, heldout)


if __name__ == "__main__":
    main()
