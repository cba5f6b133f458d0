"""One more group from a dozen pairs: as the game trains it, the same with a patch discriminator, and as stage 2 does.

    python -m toonface.compare --package ../assets/models/toon --start woman --pairs DIR --holdout 4 --heldout DIR
        --base DATA/pairs/woman [--steps 300] [--game PACKAGE --name robot] [--json FILE] [--sheet FILE]

Every way starts from the branch of `--start` and learns from the pairs but the last `--holdout`; those, and the pairs of
`--heldout`, are what it is scored on. Stage 2 (configs/stage2.toml, without real photographs) draws `--base` pairs of the
first group too, and lets them step the trunk. `--game` is a package with the group `--name` that the plugin's example
`few_shot` has trained on the same pairs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor

from . import config, package, scores
from .data import Pairs, read_pairs, to_floats
from .discriminator import Discriminator
from .evaluate import draw
from .groups import CAM_ROWS, Generator, State
from .sheet import write_sheet
from .steps import OUTPUT, game_loss
from .trainer import Trainer

BATCH, RATE, SEED = 4, 1e-3, 1  # as in the game
LEVELS, WIDTH, JUDGE_RATE = 3, 24, 4e-4  # the local discriminator of stage 2
ADVERSARIAL = (0.03, 0.1)  # stage 2 has 0.3 to 0.5 beside an L1 of 10
STAGE_2 = Path(__file__).parents[1] / "configs" / "stage2.toml"
Step = Callable[[int, Tensor, Tensor], None]


class Case(NamedTuple):
    """What all ways have in common."""

    package: Path
    start: str
    pairs: Pairs  # to learn from, at the network's size
    large: Pairs  # the same half as large again, as stage 2 takes them
    base: Optional[Pairs]  # of the first group, for stage 2
    steps: int


def read_branch(folder: Path, group: str) -> Tuple[Generator, State, State]:
    """The package's generator, its trunk, and the branch of a group."""
    generator, names = package.read(folder), package.groups(folder)
    if group not in names:
        raise ValueError(f"{folder} has no group {group!r}, it has {', '.join(names)}")
    trunk, branches = generator.split_state()
    return generator, trunk, branches[names.index(group)]


def generator_of(case: Case, groups: int) -> Generator:
    """A generator whose groups all have the branch to start from."""
    like, trunk, branch = read_branch(case.package, case.start)
    generator = type(like)(like.base_channels, like.image_size, groups, like.branch)
    generator.join_state(trunk, [branch])
    return generator


def rate(step: int, steps: int) -> float:
    """Constant for half of the steps, then falling linearly to 0; `step` counts from 0."""
    return RATE * min(1.0, 2.0 * (steps - step) / steps)


def in_the_game(case: Case, scope: str, adversarial: float) -> Generator:
    """Adam on the branch, with pairs as they are and mirrored, the trunk frozen: what `FewShotSession` does, in f32."""
    torch.manual_seed(SEED)
    generator = generator_of(case, 1)
    modules = OUTPUT["lite"] if scope == "output" else ()
    weights = [
        value
        for name, value in generator.named_parameters()
        if (name.startswith(tuple(f"{module}." for module in modules)) if modules else generator.is_branch(name))
    ]
    optimiser = torch.optim.Adam(weights)
    judge = Discriminator(WIDTH, LEVELS, 1)
    judge_optimiser = torch.optim.Adam(judge.parameters(), betas=(0.5, 0.999))
    photo, cartoon = (torch.cat((x, x.flip(3))) for x in map(to_floats, case.pairs[:2]))
    order = torch.empty(0, dtype=torch.long)
    for step in range(case.steps):
        if len(order) < BATCH:
            order = torch.cat((order, torch.randperm(len(photo))))
        picked, order = order[:BATCH], order[BATCH:]
        target = cartoon[picked]
        picture = generator(photo[picked], (0,)).picture
        loss = game_loss(picture, target)
        if adversarial:
            loss = loss + adversarial * (judge(picture).patch - 1).square().mean()
        optimiser.param_groups[0]["lr"] = rate(step, case.steps)
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights, allow_unused=True)):
            weight.grad = slope
        optimiser.step()
        generator.clamp_mixes()
        if adversarial:
            judge_optimiser.param_groups[0]["lr"] = JUDGE_RATE * rate(step, case.steps) / RATE
            judge_optimiser.zero_grad()
            verdicts = judge(target).patch, judge(picture.detach()).patch
            ((verdicts[0] - 1).square().mean() + verdicts[1].square().mean()).backward()
            judge_optimiser.step()
    return generator


def in_stage_2(case: Case) -> Generator:
    """The averaged weights of a run of stage 2 with two groups: the base group, and the new one."""
    assert case.base is not None
    settings = config.load(STAGE_2)
    generator = generator_of(case, 2)
    settings.model = config.ModelConfig("Lite", generator.base_channels, generator.image_size, list(generator.branch))
    settings.data.groups = [case.start, "new"]
    settings.train.steps, settings.train.photo_batch = case.steps, 0
    settings.train.image_size = generator.image_size
    trainer = Trainer(settings, [case.base, case.large])
    for network in (trainer.generator, trainer.average):
        network.load_state_dict(generator.state_dict())
    for _ in range(case.steps):
        trainer.train_step()
    return trainer.average


def ways(case: Case) -> Dict[str, Callable[[], Generator]]:
    """All ways to train, by the name of their row. Each yields a generator whose last group is the new one."""
    result: Dict[str, Callable[[], Generator]] = {}
    for scope in ("output", "branch"):
        result[f"the game's step in PyTorch, {scope}"] = lambda scope=scope: in_the_game(case, scope, 0.0)
    for weight in ADVERSARIAL:
        name = f"the same with a patch discriminator, weight {weight}"
        result[name] = lambda weight=weight: in_the_game(case, "branch", weight)
    if case.base:
        result["stage 2"] = lambda: in_stage_2(case)
    return result


def measure(generator: Generator, sets: Dict[str, Pairs], group: int) -> Dict[str, Dict[str, float]]:
    """Scores of a group's drawings on each set of pairs."""
    result = {}
    for name, pairs in sets.items():
        photo, cartoon = to_floats(pairs.photo), to_floats(pairs.cartoon)
        picture = draw(generator.eval(), photo, group)
        result[name] = {
            "l1": scores.l1(picture, cartoon).mean().item(),
            "ssim": scores.ssim(picture, cartoon).mean().item(),
            "edge_f1": scores.edge_f1(picture, cartoon),
        }
    return result


def table(rows: List[Dict[str, Any]], sets: Dict[str, Pairs]) -> str:
    """The scores as Markdown."""
    heads = "".join(f" | L1, {name} | SSIM | edge F1" for name in sets)
    lines = [f"| trained{heads} | seconds |", "|---" * (2 + 3 * len(sets)) + "|"]
    for row in rows:
        parts = [f"{s['l1']:.4f} | {s['ssim']:.3f} | {s['edge_f1']:.3f}" for s in row["scores"].values()]
        seconds = f"{row['seconds']:.0f}" if row["seconds"] else "-"
        lines.append(f"| {row['trained']} | {' | '.join(parts)} | {seconds} |")
    return "\n".join(lines)


def compare(arguments: argparse.Namespace) -> None:
    """Trains in every way and tells the scores."""
    generator, _, _ = read_branch(arguments.package, arguments.start)
    size = generator.image_size
    large, all_pairs = (read_pairs(arguments.pairs, s) for s in (3 * size // 2, size))
    learned = len(all_pairs.photo) - arguments.holdout
    if not 2 <= learned < len(all_pairs.photo):
        raise ValueError(f"{arguments.pairs}: {len(all_pairs.photo)} pairs are too few to hold out {arguments.holdout}")
    sets = {f"{arguments.holdout} held out": all_pairs.part(slice(learned, None))}
    if arguments.heldout:
        others = read_pairs(arguments.heldout, size)
        sets[f"{len(others.photo)} other people"] = others
    base = read_pairs(arguments.base, 3 * size // 2) if arguments.base else None
    small, large = (pairs.part(slice(learned)) for pairs in (all_pairs, large))
    case = Case(arguments.package, arguments.start, small, large, base, arguments.steps)
    rows: List[Dict[str, Any]] = []
    first = next(iter(sets.values()))
    pictures = [to_floats(first.photo), to_floats(first.cartoon)]

    def add(name: str, trained: Generator, group: int, seconds: float) -> None:
        rows.append({"trained": name, "scores": measure(trained, sets, group), "seconds": seconds})
        pictures.append(draw(trained.eval(), pictures[0], group))
        print(table(rows[-1:], sets).splitlines()[-1], flush=True)

    print("\n".join(table([], sets).splitlines()), flush=True)
    add(f"not at all: `{arguments.start}`", generator_of(case, 1), 0, 0)
    if arguments.game:
        names = package.groups(arguments.game)
        add("in the game", package.read(arguments.game), names.index(arguments.name), 0)
    for name, train in ways(case).items():
        started = time.time()
        trained = train()
        add(name, trained, trained.groups - 1, time.time() - started)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    if arguments.sheet:
        write_sheet(arguments.sheet, pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="folder of the package to start from")
    parser.add_argument("--start", required=True, metavar="GROUP", help="group whose branch is copied")
    parser.add_argument("--pairs", type=Path, required=True, help="folder with photo/ and cartoon/")
    parser.add_argument("--holdout", type=int, default=4, help="pairs, the last by name, that are not trained on")
    parser.add_argument("--heldout", type=Path, help="folder with more pairs to score on")
    parser.add_argument("--base", type=Path, help="pairs of the first group, for stage 2; without, it is left out")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--game", type=Path, help="folder of a package that the game has added the group to")
    parser.add_argument("--name", default="robot", help="with --game: the group")
    parser.add_argument("--json", type=Path, help="where the scores go")
    parser.add_argument("--sheet", type=Path, help="photographs, cartoons, and a row of drawings for each way")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    try:
        compare(arguments)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
