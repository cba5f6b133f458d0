"""Networks, optimisers and random state of a run, and what one step does.

Which loss steps what: the losses of the base group, and the CAM loss of all groups, step trunk and branches; the
losses of the new groups step the branches only, although their gradients flow through the trunk.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from . import checkpoint, config, losses
from .augment import Augment
from .data import Pairs, to_floats
from .discriminator import Discriminators
from .groups import Generator
from .processes import Processes
from .sheet import write_sheet

SAMPLES = 5
WARM_UP = 50
NETWORKS = ("generator", "average", "judge")
OPTIMISERS = ("optimiser", "judge_optimiser")
Losses = Dict[str, Tensor]


class Trainer:
    """One run of one stage.

    `photos`: unpaired real photographs; `backdrops`: what to put behind people with mattes; both uint8 [N, 3, H, W].
    """

    def __init__(
        self,
        settings: config.Config,
        pairs: List[Pairs],
        photos: Optional[Tensor] = None,
        backdrops: Optional[Tensor] = None,
    ):
        train = settings.train
        torch.manual_seed(train.seed)
        self.settings, self.pairs, self.photos = settings, pairs, photos
        self.processes = Processes()
        self.device = self.processes.device()
        for name in ("batch", "few_batch", "photo_batch") if train.stage == 2 else ("batch", "photo_batch"):
            self.processes.check(f"train.{name}", getattr(train, name))
        self.step = 0
        self.augment = Augment(train.image_size, train.seed, backdrops)
        self.generator = config.build_generator(settings.model, len(pairs)).to(self.device)
        self.judge = Discriminators(train.discriminator_channels, len(settings.data.groups)).to(self.device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        named = list(self.generator.named_parameters())
        shared = [value for name, value in named if not self.is_few(name)]
        few = [value for name, value in named if self.is_few(name)]
        self.branches = [value for name, value in named if self.generator.is_branch(name)]
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
        checkpoint.same_shape(path, saved.config, self.settings)
        trunk, branches = saved.generator.split_state()
        self.generator.join_state(trunk, branches[: self.generator.groups])
        self.average.load_state_dict(self.generator.state_dict())
        judge = saved.state["judge"]
        if all(judge[name].shape == value.shape for name, value in self.judge.state_dict().items()):
            self.judge.load_state_dict(judge)

    def save(self, path: Path) -> None:
        state = {name: getattr(self, name).state_dict() for name in NETWORKS + OPTIMISERS}
        state["random"] = self.augment.random.get_state()
        state["pairs"] = [len(pairs.photo) for pairs in self.pairs]
        state["photos"] = 0 if self.photos is None else len(self.photos)
        checkpoint.save(path, self.settings, self.step, state)

    def resume(self, path: Path) -> None:
        """Continues a run as if it had not been stopped."""
        saved = checkpoint.load(path)
        checkpoint.same_shape(path, saved.config, self.settings)
        self.step = saved.step
        for name in NETWORKS + OPTIMISERS:
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

    def draw(self, order: Sequence[int], count: int) -> Tuple[Tensor, Tensor, Tensor]:
        """This process's share of `count` pairs of each group: photo, cartoon [N, 3, S, S] and group [N]."""
        batches = [self.processes.share(*self.augment.batch(self.pairs[group], count)) for group in order]
        photo, cartoon = (torch.cat(parts).to(self.device) for parts in zip(*batches))
        return photo, cartoon, torch.tensor(order, device=self.device).repeat_interleave(len(photo) // len(order))

    def run(self, photo: Tensor, order: Sequence[int], network: Optional[Generator] = None) -> Tuple[Tensor, Tensor]:
        """Drawing and CAM logits, with convolutions in bfloat16 where that is asked for."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.train.bfloat16):
            drawing = (network or self.generator)(photo, tuple(order))
        return drawing.picture.float(), drawing.cam_logit.float()

    def losses_of(self, photo: Tensor, cartoon: Tensor, order: Sequence[int], playing: bool) -> Losses:
        """Weighted losses of a batch; `fake` is the drawing itself."""
        weights = self.settings.loss
        picture, cam_logit = self.run(photo, order)
        group = torch.tensor(order, device=self.device).repeat_interleave(len(photo) // len(order))
        weight = losses.line_weight(cartoon, weights.line, weights.ink)
        result = {
            "fake": picture,
            "pixel": weights.pixel * losses.pixel_loss(picture, cartoon, weight),
            "edge": weights.edge * losses.edge_loss(picture, cartoon),
            "cam": weights.cam * losses.cam_loss(cam_logit, group),
        }
        if playing:
            result |= self.played(picture, group, weights.adversarial)
        return result

    def photo_losses(self, group: int, playing: bool) -> Losses:
        """Real photographs: drawn alike whatever camera took them, and as cartoons of the group look."""
        weights = self.settings.loss
        shared = self.augment.photographs(self.photos, self.settings.train.photo_batch)
        plain, taken = (part.to(self.device) for part in self.processes.share(*shared))
        with torch.no_grad():
            steady, _ = self.run(plain, (group,), self.average)
        picture, _ = self.run(taken, (group,))
        weight = losses.line_weight(steady, weights.line)
        result = {"fake": picture, "photo_pixel": weights.consistency * losses.pixel_loss(picture, steady, weight)}
        base = steady
        if group:
            with torch.no_grad():
                base, _ = self.run(plain, (0,), self.average)
        result["photo_kept"] = weights.kept * losses.kept_loss(picture, base, plain)
        if playing:
            groups = torch.full((len(picture),), group, device=self.device)
            verdict = self.played(picture, groups, weights.photo_adversarial)
            result |= {f"photo_{name}": value for name, value in verdict.items()}
        return result

    def played(self, picture: Tensor, group: Tensor, weight: float) -> Losses:
        """The generator's side of the game."""
        verdict = self.judge(picture)
        result = {"adversarial": weight * losses.adversarial_loss(verdict)}
        if len(self.settings.data.groups) > 1:
            result["group"] = self.settings.loss.group * losses.group_loss(verdict, group)
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
        few: Losses = {}
        if new_groups:
            photo, cartoon, group = self.draw(new_groups, train.few_batch)
            few = self.losses_of(photo, cartoon, new_groups, playing)
            fakes.append(few.pop("fake").detach())
            reals.append(cartoon)
            whose.append(group)
            base["few_cam"] = few.pop("cam")
            few = {name: value * len(new_groups) for name, value in few.items()}
        if self.photos is not None and train.photo_batch:
            branch = self.step % len(self.pairs)
            unpaired = self.photo_losses(branch, playing)
            fakes.append(unpaired.pop("fake").detach())
            (few if branch else base).update(unpaired)
        self.step_generator(sum(base.values()), sum(few.values()) if few else None)
        if playing and self.step % train.judge_every == 0:
            base["judge"] = self.step_judge(torch.cat(reals), torch.cat(fakes), torch.cat(whose))
        self.follow()
        self.step += 1
        values = {name: value.item() for name, value in base.items()}
        return values | {name if name in values else f"few_{name}": value.item() for name, value in few.items()}

    def step_generator(self, shared_loss: Tensor, few_loss: Optional[Tensor]) -> None:
        """Both gradients are taken before anything is stepped."""
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        few: Sequence[Optional[Tensor]] = ()
        if few_loss is not None:
            few = torch.autograd.grad(few_loss, self.branches, retain_graph=True, allow_unused=True)
        shared = torch.autograd.grad(shared_loss, parameters, allow_unused=True)
        averaged = self.processes.average([*shared, *few])
        for parameter, gradient in zip(parameters, averaged):
            parameter.grad = gradient
        for parameter, gradient in zip(self.branches, averaged[len(shared) :]):
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        self.optimiser.step()
        self.generator.clamp_mixes()

    def step_judge(self, real: Tensor, fake: Tensor, group: Tensor) -> Tensor:
        """The discriminators' side of the game."""
        parameters = list(self.judge.parameters())
        loss = losses.discriminator_loss(self.judge(real), self.judge(fake), group)
        for parameter, gradient in zip(parameters, self.processes.average(torch.autograd.grad(loss, parameters))):
            parameter.grad = gradient
        self.judge_optimiser.step()
        return loss

    def follow(self) -> None:
        """Moves the running average towards the weights."""
        decay = min(self.settings.train.average, (1 + self.step) / (10 + self.step))
        ours = self.generator.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                value.lerp_(ours[name], 1 - decay)

    def sheet(self, path: Path, heldout: List[Pairs]) -> None:
        """Three rows a group: photograph, cartoon, drawing by the averaged weights; then real photographs drawn."""
        rows = []
        for group, pairs in enumerate(heldout):
            photo = to_floats(pairs.photo[:SAMPLES])
            with torch.no_grad():
                drawing = self.average(photo.to(self.device), (min(group, len(self.pairs) - 1),)).picture.cpu()
            rows += [photo, to_floats(pairs.cartoon[:SAMPLES]), drawing]
        write_sheet(path, [torch.cat(rows[i : i + 3]) for i in range(0, len(rows), 3)])
