"""Trains one stage; run it again to continue.

    python -m toonface.train --config configs/stage1.toml --data DATA --run RUN1 [--init RUN0/last.pt]
    python -m toonface.train --config configs/stage2.toml --data DATA --run RUN2 --init RUN1/last.pt

Stage 1 trains trunk and base branch on the base group. Stage 2 copies the base branch for each new
group and trains on all groups: the losses of the base group (and the CAM loss of all) step trunk and
branches, the losses of the new groups step the branches only.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from . import checkpoint, config, losses
from .augment import Augment
from .data import Pairs, read_pairs, to_floats
from .discriminator import Discriminators
from .sheet import write_sheet

SAMPLES = 5
WARM_UP = 50


def read_training_pairs(settings: config.Config, data: Path) -> List[Pairs]:
    """Pairs of each group of the stage, at twice the size of the run."""
    groups, size = settings.data.groups, 2 * settings.train.image_size
    folders = [data / settings.data.base / groups[0]]
    if settings.train.stage == 2:
        folders += [data / settings.data.few / group for group in groups[1:]]
    return [read_pairs(folder, size) for folder in folders]


class Trainer:
    """Networks, optimisers and random state of a run."""

    def __init__(self, settings: config.Config, pairs: List[Pairs]):
        train = settings.train
        torch.manual_seed(train.seed)
        self.settings = settings
        self.pairs = pairs
        self.step = 0
        self.augment = Augment(train.image_size, train.seed)
        self.generator = config.build_generator(settings.model, len(pairs))
        self.judge = Discriminators(train.discriminator_channels, len(settings.data.groups))
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        few = [value for name, value in self.generator.named_parameters() if self.is_few(name)]
        shared = [value for name, value in self.generator.named_parameters() if not self.is_few(name)]
        self.branches = [value for name, value in self.generator.named_parameters() if self.generator.is_branch(name)]
        rates = [{"params": shared, "rate": train.learning_rate}]
        if few:
            rates.append({"params": few, "rate": train.few_learning_rate})
        self.optimiser = torch.optim.Adam(rates, betas=(0.5, 0.999), weight_decay=train.weight_decay)
        self.judge_optimiser = torch.optim.Adam(
            [{"params": list(self.judge.parameters()), "rate": train.discriminator_rate}], betas=(0.5, 0.999)
        )

    @staticmethod
    def is_few(name: str) -> bool:
        """True for a parameter of the branch of a new group."""
        return ".each." in name and ".each.0." not in name

    def start_from(self, path: Path) -> None:
        """Takes the averaged weights of another run; one branch alone is copied to every group."""
        saved = checkpoint.load(path)
        trunk, branches = saved.generator.split_state()
        self.generator.join_state(trunk, branches)
        self.average.load_state_dict(self.generator.state_dict())
        self.judge.load_state_dict(saved.state["judge"])

    def save(self, path: Path) -> None:
        state = {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "judge": self.judge.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "judge_optimiser": self.judge_optimiser.state_dict(),
            "random": self.augment.random.get_state(),
            "pairs": [len(pairs.photo) for pairs in self.pairs],
        }
        checkpoint.save(path, self.settings, self.step, state)

    def resume(self, path: Path) -> None:
        saved = checkpoint.load(path)
        self.step = saved.step
        for name in ("generator", "average", "judge", "optimiser", "judge_optimiser"):
            getattr(self, name).load_state_dict(saved.state[name])
        self.augment.random.set_state(saved.state["random"])

    def set_rates(self) -> None:
        """Short warm-up, then a cosine."""
        train = self.settings.train
        along = min(self.step / max(train.steps, 1), 1)
        fall = train.final_rate + (1 - train.final_rate) * 0.5 * (1 + math.cos(math.pi * along))
        for optimiser in (self.optimiser, self.judge_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * fall * min(1, (self.step + 1) / WARM_UP)

    def draw(self, order: Tuple[int, ...], count: int) -> Tuple[Tensor, Tensor, Tensor]:
        """`count` pairs of each group of `order`: photo, cartoon [N, 3, S, S] and group [N]."""
        batches = [self.augment.batch(self.pairs[group], count) for group in order]
        photo, cartoon = (torch.cat(parts) for parts in zip(*batches))
        return photo, cartoon, torch.tensor(order).repeat_interleave(count)

    def losses_of(self, photo: Tensor, cartoon: Tensor, order: Tuple[int, ...], playing: bool) -> Dict[str, Tensor]:
        """Weighted losses of a batch, the CAM loss apart; `fake` is the drawing itself."""
        weights, groups = self.settings.loss, len(self.settings.data.groups)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.settings.train.bfloat16):
            drawing = self.generator(photo, order)
        picture = drawing.picture.float()
        group = torch.tensor(order).repeat_interleave(len(photo) // len(order))
        result = {
            "fake": picture,
            "pixel": weights.pixel * losses.pixel_loss(picture, cartoon, losses.line_weight(cartoon, weights.line)),
            "edge": weights.edge * losses.edge_loss(picture, cartoon),
            "cam": weights.cam * losses.cam_loss(drawing.cam_logit.float(), group),
        }
        if playing:
            verdict = self.judge(picture)
            result["adversarial"] = weights.adversarial * losses.adversarial_loss(verdict)
            if groups > 1:
                result["group"] = weights.group * losses.group_loss(verdict, group)
        return result

    def train_step(self) -> Dict[str, float]:
        """One step of generator and discriminators."""
        train = self.settings.train
        self.set_rates()
        playing = self.step >= train.adversarial_from and self.settings.loss.adversarial > 0
        new_groups = tuple(range(1, len(self.pairs)))
        photo, cartoon, group = self.draw((0,), train.batch)
        base = self.losses_of(photo, cartoon, (0,), playing)
        fakes, reals, whose = [base.pop("fake").detach()], [cartoon], [group]
        shared_loss = sum(base.values())
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        few: Dict[str, Tensor] = {}
        if new_groups:
            photo, cartoon, group = self.draw(new_groups, train.few_batch)
            few = self.losses_of(photo, cartoon, new_groups, playing)
            fakes.append(few.pop("fake").detach())
            reals.append(cartoon)
            whose.append(group)
            cam = few.pop("cam")
            few_loss = sum(few.values()) * len(new_groups)
            few_gradients = torch.autograd.grad(few_loss, self.branches, retain_graph=True, allow_unused=True)
            shared_loss = shared_loss + cam
        gradients = torch.autograd.grad(shared_loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        if new_groups:
            for parameter, gradient in zip(self.branches, few_gradients):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        self.optimiser.step()
        self.generator.clamp_mixes()
        if playing:
            self.judge_optimiser.zero_grad()
            real, fake = self.judge(torch.cat(reals)), self.judge(torch.cat(fakes))
            loss = losses.discriminator_loss(real, fake, torch.cat(whose))
            loss.backward()
            self.judge_optimiser.step()
            base["judge"] = loss
        self.follow()
        self.step += 1
        values = {name: value.item() for name, value in base.items()}
        values.update({f"few_{name}": value.item() for name, value in few.items()})
        return values

    def follow(self) -> None:
        """Moves the running average towards the weights."""
        decay = min(self.settings.train.average, (1 + self.step) / (10 + self.step))
        ours = self.generator.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                value.lerp_(ours[name], 1 - decay)

    def sheet(self, path: Path, heldout: List[Pairs]) -> None:
        """Three rows a group: photograph, cartoon, drawing by the averaged weights."""
        rows = []
        for group, pairs in enumerate(heldout):
            photo = to_floats(pairs.photo[:SAMPLES])
            with torch.no_grad():
                drawing = self.average(photo, (min(group, len(self.pairs) - 1),)).picture
            rows += [photo, to_floats(pairs.cartoon[:SAMPLES]), drawing]
        write_sheet(path, [torch.cat(rows[i : i + 3]) for i in range(0, len(rows), 3)])


def open_board(run: Path) -> Optional[object]:
    """A TensorBoard writer where the package is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the pairs")
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and sample sheets")
    parser.add_argument("--init", type=Path, help="checkpoint of an earlier run to start from")
    arguments = parser.parse_args()
    settings = config.load(arguments.config)
    train = settings.train
    torch.set_num_threads(train.threads)
    trainer = Trainer(settings, read_training_pairs(settings, arguments.data))
    last = arguments.run / "last.pt"
    if last.exists():
        trainer.resume(last)
        print(f"continuing at step {trainer.step}", flush=True)
    elif arguments.init:
        trainer.start_from(arguments.init)
    heldout = [
        read_pairs(arguments.data / settings.data.heldout / group, train.image_size) for group in settings.data.groups
    ]
    board = open_board(arguments.run)
    started, first = time.time(), trainer.step
    while trainer.step < train.steps:
        values = trainer.train_step()
        if trainer.step % 25 == 0:
            seconds = (time.time() - started) / (trainer.step - first)
            text = " ".join(f"{name} {value:.3f}" for name, value in values.items())
            print(f"step {trainer.step} {seconds:.3f} s/step {text}", flush=True)
            if board:
                for name, value in values.items():
                    board.add_scalar(name, value, trainer.step)
        if trainer.step % train.sample_every == 0 or trainer.step == train.steps:
            trainer.sheet(arguments.run / f"{trainer.step:06}.png", heldout)
        if trainer.step % train.save_every == 0 or trainer.step == train.steps:
            trainer.save(last)


if __name__ == "__main__":
    main()
