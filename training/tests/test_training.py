"""The rules of training: who steps what, continuing a run, augmentation, losses, scores."""

import copy
from pathlib import Path

import torch
from toonface import evaluate, losses
from toonface.augment import Augment
from toonface.config import Config
from toonface.data import Pairs, read_pairs
from toonface.train import Trainer, read_training_pairs


def test_new_groups_step_their_branches_only(settings: Config, pairs: Path) -> None:
    data = read_training_pairs(settings, pairs)
    other = [data[0], Pairs(data[1].photo, 255 - data[1].cartoon)]
    one, two = Trainer(settings, data), Trainer(settings, other)
    start = copy.deepcopy(one.generator.state_dict())
    one.train_step()
    two.train_step()
    ours, theirs = one.generator.state_dict(), two.generator.state_dict()
    moved = {key for key in ours if not torch.equal(ours[key], theirs[key])}
    assert any(key.startswith("head.each.1.") for key in moved)
    assert all(".each.1." in key or key.startswith(("cam.gap.", "cam.gmp.")) for key in moved)
    assert torch.equal(ours["cam.gap.weight"][0], theirs["cam.gap.weight"][0])
    assert not torch.equal(ours["encode1.conv1.weight"], start["encode1.conv1.weight"])


def test_a_run_continues_where_it_stopped(settings: Config, pairs: Path) -> None:
    data = read_training_pairs(settings, pairs)
    straight = Trainer(settings, data)
    straight.train_step()
    straight.save(pairs / "last.pt")
    straight.train_step()
    continued = Trainer(settings, data)
    continued.resume(pairs / "last.pt")
    continued.train_step()
    for key, value in straight.generator.state_dict().items():
        assert torch.equal(value, continued.generator.state_dict()[key]), key


def test_stage_2_starts_from_the_base_branch(settings: Config, pairs: Path) -> None:
    settings.train.stage = 1
    base = Trainer(settings, read_training_pairs(settings, pairs))
    base.train_step()
    base.save(pairs / "base.pt")
    settings.train.stage = 2
    grown = Trainer(settings, read_training_pairs(settings, pairs))
    grown.start_from(pairs / "base.pt")
    x = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(base.average(x).picture, grown.generator(x, (1,)).picture)
    rho = grown.generator.decode1.norm1.rho
    rho.data.fill_(3)
    grown.train_step()
    assert rho.max() <= 1


def test_augmentation_keeps_pairs_aligned(pairs: Path) -> None:
    data = read_pairs(pairs / "pairs/first", 64)
    same = Pairs(data.photo, data.photo)
    augment = Augment(32, seed=3)
    augment.degrade = lambda photo: photo
    photo, cartoon = augment.batch(same, 6)
    assert photo.shape == (6, 3, 32, 32) and torch.equal(photo, cartoon)
    again, _ = Augment(32, seed=3).batch(data, 6)
    assert torch.equal(again, Augment(32, seed=3).batch(data, 6)[0])


def test_losses_and_scores_of_a_perfect_drawing() -> None:
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    weight = losses.line_weight(x, 4.0)
    assert torch.allclose(weight.mean(dim=(1, 2, 3)), torch.ones(2))
    assert losses.pixel_loss(x, x, weight) == 0 and losses.edge_loss(x, x) == 0
    assert evaluate.l1(x, x) == 0
    assert abs(evaluate.ssim(x, x) - 1) < 1e-5 and abs(evaluate.edge_f1(x, x) - 1) < 1e-5
    assert -1 <= evaluate.ssim(x, -x) < 0


def test_lines_weigh_more_than_flat_areas() -> None:
    target = torch.ones(1, 3, 16, 16)
    target[..., 8] = -1
    weight = losses.line_weight(target, 4.0)[0, 0, 8]
    assert weight[8] > 2 * weight[2]
