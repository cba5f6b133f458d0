"""The rules of training: who steps what, continuing a run, augmentation, losses, scores."""

import argparse
import copy
import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from toonface import checkpoint, losses, scores
from toonface.ablation import Ablation
from toonface.augment import Augment
from toonface.config import Config
from toonface.data import Pairs, read_pairs
from toonface.train import read_backdrops, read_training_pairs
from toonface.trainer import Trainer


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
    """With real photographs and discriminators too: everything that is random or remembered is in the checkpoint."""
    data = read_training_pairs(settings, pairs)
    settings.train.photo_batch = 2
    photos = data[0].photo
    straight = Trainer(settings, data, photos)
    straight.train_step()
    straight.save(pairs / "last.pt")
    straight.train_step()
    continued = Trainer(settings, data, photos)
    continued.resume(pairs / "last.pt")
    continued.train_step()
    for key, value in straight.generator.state_dict().items():
        assert torch.equal(value, continued.generator.state_dict()[key]), key
    for key, value in straight.judge.state_dict().items():
        assert torch.equal(value, continued.judge.state_dict()[key]), key


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
    augment.degrade = augment.camera = lambda photo: photo
    augment.lit = lambda photo, cartoon: photo
    photo, cartoon = augment.batch(same, 6)
    assert photo.shape == (6, 3, 32, 32) and torch.equal(photo, cartoon)
    again, _ = Augment(32, seed=3).batch(data, 6)
    assert torch.equal(again, Augment(32, seed=3).batch(data, 6)[0])


def test_other_light_falls_on_people_only() -> None:
    photo = torch.full((4, 3, 32, 32), 0.25)
    cartoon = photo.clone()
    cartoon[..., 16:] = 0.9  # the person
    seen = [Augment(32, seed=seed).lit(photo, cartoon) for seed in range(4)]
    assert all(torch.equal(x[..., :8], photo[..., :8]) for x in seen)
    moved = torch.stack([(x[..., 24:] - photo[..., 24:]).abs().mean() for x in seen])
    assert (moved > 0.01).all() and moved.std() > 0.001


def test_another_backdrop_leaves_the_person_alone() -> None:
    """Half the picture is a person, with an outline half covered; the other half becomes the new backdrop."""
    person, old, new = -0.5, 0.25, 1.0
    cover = torch.zeros(1, 2, 32, 32)
    cover[..., 16:], cover[..., 15] = 1.0, 0.5
    both = (cover * person + (1 - cover) * old).repeat_interleave(3, dim=1)
    augment = Augment(32, seed=1, backdrops=torch.full((1, 3, 32, 32), 255, dtype=torch.uint8))
    seen = [augment.replace(both, cover) for _ in range(20)]
    wanted = (cover * person + (1 - cover) * new).repeat_interleave(3, dim=1)
    placed = [torch.allclose(x, wanted, atol=1e-5) for x in seen]
    kept = [torch.allclose(x, both, atol=1e-5) for x in seen]
    assert any(placed) and any(kept) and all(a or b for a, b in zip(placed, kept))


def test_backdrops_are_used_where_there_are_mattes(settings: Config, pairs: Path) -> None:
    (pairs / "fewshot/second/matte").mkdir()
    (pairs / "backdrops").mkdir()
    for index in range(3):
        Image.new("RGB", (32, 32), (255, 0, 0)).save(pairs / f"fewshot/second/matte/{index}.png")
        Image.new("RGB", (32, 32), "blue").save(pairs / f"backdrops/{index}.png")
    data = read_training_pairs(settings, pairs)
    assert data[0].matte is None and data[1].matte is not None
    assert data[1].matte.unique().tolist() == [0, 255]  # nobody in the cartoon, only the person in the photograph
    backdrops = read_backdrops(data, settings, pairs)
    assert backdrops is not None and backdrops.shape == (3, 3, 96, 96)
    assert read_backdrops(data[:1], settings, pairs) is None
    Trainer(settings, data, backdrops=backdrops).train_step()
    (pairs / "fewshot/second/matte/1.png").unlink()
    with pytest.raises(ValueError, match=r"2 pictures in matte/ do not pair with 3 in photo/"):
        read_training_pairs(settings, pairs)


def test_losses_and_scores_of_a_perfect_drawing() -> None:
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    weight = losses.line_weight(x, 4.0)
    assert torch.allclose(weight.mean(dim=(1, 2, 3)), torch.ones(2))
    assert losses.pixel_loss(x, x, weight) == 0 and losses.edge_loss(x, x) == 0
    assert scores.l1(x, x).max() == 0
    assert abs(scores.ssim(x, x).mean() - 1) < 1e-5 and abs(scores.edge_f1(x, x) - 1) < 1e-5
    assert -1 <= scores.ssim(x, -x).mean() < 0


def test_rank_1_and_kid() -> None:
    random = torch.Generator().manual_seed(1)
    a, b = torch.randn(60, 16, generator=random), torch.randn(60, 16, generator=random)
    assert scores.rank_1(a, a) == 1 and scores.rank_1(a, b) < 0.2
    assert abs(scores.kid(a, b)) < 0.3 * scores.kid(a, b + 1)  # one distribution, then another


def test_lines_weigh_more_than_flat_areas() -> None:
    target = torch.ones(1, 3, 16, 16)
    target[..., 8] = -1
    weight = losses.line_weight(target, 4.0)[0, 0, 8]
    assert weight[8] > 2 * weight[2]
    inked = losses.line_weight(target, 4.0, ink=6.0)[0, 0, 8]
    assert torch.isclose(inked.mean(), torch.tensor(1.0))
    assert inked[8] / inked[7] > 1.5 * weight[8] / weight[7]


def test_real_photographs_of_a_new_group_step_its_branch_only(settings: Config, pairs: Path) -> None:
    """Two runs that differ in a photograph drawn by the new branch differ in that branch only."""
    data = read_training_pairs(settings, pairs)
    settings.train.photo_batch = 2
    one, two = (Trainer(settings, data, photos) for photos in (data[0].photo, 255 - data[0].photo))
    one.step = two.step = 1  # an odd step draws with the second group's branch
    start = copy.deepcopy(one.generator.state_dict())
    one.train_step()
    two.train_step()
    ours, theirs = one.generator.state_dict(), two.generator.state_dict()
    moved = {key for key in ours if not torch.equal(ours[key], theirs[key])}
    assert any(key.startswith("head.each.1.") for key in moved)
    assert all(one.generator.is_branch(key) for key in moved)
    assert not any(".each.0." in key for key in moved)
    assert not torch.equal(ours["encode1.conv1.weight"], start["encode1.conv1.weight"])


CONFIG = """
[model]
base_channels = 4
image_size = 64
[data]
groups = ["first", "second"]
[train]
stage = 2
steps = 1
image_size = 64
batch = 2
few_batch = {few}
discriminator_channels = 4
seed = 2
"""


def start_training(folder: Path, run: str, processes: int, few: int = 2) -> subprocess.CompletedProcess:
    """`toonface.train` as torchrun starts it: one program a rank. (The torchrun of torch 1.13 does not run on Python
    3.11.)"""
    (folder / "run.toml").write_text(CONFIG.format(few=few))
    command = [sys.executable, "-m", "toonface.train", "--config", "run.toml", "--data", ".", "--out", run]
    package = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if processes == 1:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    started = []
    for rank in map(str, range(processes)):
        of_rank = {**environment, "RANK": rank, "LOCAL_RANK": rank}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=folder, env=of_rank, text=True, **pipes))
    done = [(process, *process.communicate(timeout=300)) for process in started]
    process, out, err = max(done, key=lambda one: one[0].returncode != 0)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_make_the_step_of_one(pairs: Path) -> None:
    """Adam's first moment after one step is the gradient: that of the whole batch, whoever computed it.

    The gradient jumps where a pixel meets its target, so that rounding alone can make it another one; not with this seed.
    """
    for run, processes in (("one", 1), ("two", 2)):
        done = start_training(pairs, run, processes)
        assert done.returncode == 0, done.stderr
    one, two = (checkpoint.load(pairs / run / "last.pt").state for run in ("one", "two"))
    for optimiser in ("optimiser", "judge_optimiser"):
        theirs = two[optimiser]["state"]
        for index, ours in one[optimiser]["state"].items():
            scale = ours["exp_avg"].abs().max() + 1e-6
            assert (ours["exp_avg"] - theirs[index]["exp_avg"]).abs().max() < 2e-4 * scale, (optimiser, index)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_a_batch_that_does_not_divide_is_refused(pairs: Path) -> None:
    done = start_training(pairs, "odd", 2, few=1)
    assert done.returncode != 0 and "train.few_batch = 1 does not divide among 2 processes" in done.stderr
    assert not (pairs / "odd").exists()


def test_bad_input_is_named(settings: Config, pairs: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "photo").mkdir(parents=True)
    (empty / "cartoon").mkdir()
    with pytest.raises(ValueError, match="no pictures"):
        read_pairs(empty, 64)
    (pairs / "pairs/first/photo/2.png").rename(pairs / "pairs/first/photo/7.png")
    with pytest.raises(ValueError, match=r"without a cartoon: 7; without a photo: 2"):
        read_pairs(pairs / "pairs/first", 64)
    (pairs / "heldout/first/photo/0.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"0\.png is not a picture"):
        read_pairs(pairs / "heldout/first", 64)
    Image.new("RGB", (32, 24)).save(pairs / "heldout/second/photo/0.png")
    with pytest.raises(ValueError, match=r"0\.png is 32 x 24 pixels: crop it"):
        read_pairs(pairs / "heldout/second", 64)


def test_a_checkpoint_of_another_shape_is_refused(settings: Config, pairs: Path) -> None:
    data = read_training_pairs(settings, pairs)
    Trainer(settings, data).save(pairs / "small.pt")
    wide = dataclasses.replace(settings, model=dataclasses.replace(settings.model, base_channels=8))
    with pytest.raises(ValueError, match="small.pt: model.base_channels is 4, this run has 8"):
        Trainer(wide, data).start_from(pairs / "small.pt")
    (pairs / "broken.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="broken.pt is not a checkpoint"):
        checkpoint.load(pairs / "broken.pt")


def test_the_ablation_wants_a_run_of_ours_for_each_config() -> None:
    one, two = Path("a/stage2.toml"), Path("a/polish.toml")
    with pytest.raises(ValueError, match="got 1 for 2"):
        Ablation(argparse.Namespace(config=[one, two], ours=[Path("last.pt")]))
    with pytest.raises(ValueError, match="two files have one name"):
        Ablation(argparse.Namespace(config=[one, Path("b/stage2.toml")], ours=[Path("last.pt")] * 2))
