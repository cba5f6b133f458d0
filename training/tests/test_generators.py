"""Both generators: shapes, groups, names and the round trips of their weights."""

from pathlib import Path

import pytest
import torch
from toonface import official
from toonface.groups import randomise
from toonface.lite import Lite
from toonface.paper import TAPS, Paper, from_official, to_official

SMALL = [(Lite, 64), (Paper, 32)]


@pytest.mark.parametrize("form, size", SMALL)
def test_a_batch_of_groups_equals_its_groups_alone(form: type, size: int) -> None:
    generator = form(4, size, 3).double()  # f32 noise grows where an hourglass normalises 2 x 2 pixels
    randomise(generator, 1)
    x = torch.randn(4, 3, size, size, dtype=torch.float64).clamp(-1, 1)
    with torch.no_grad():
        together = generator(x, (2, 0))
        alone = [generator(x[:2], (2,)), generator(x[2:], (0,))]
    assert together.picture.shape == (4, 3, size, size)
    assert together.cam_logit.shape == (4, 2, 3)
    assert together.heatmap.shape == (4, 1, size // 4, size // 4)
    for index in range(3):
        parts = torch.cat([drawing[index] for drawing in alone])
        assert torch.allclose(together[index], parts, atol=1e-9)
    assert not torch.allclose(generator(x[:1], (0,)).picture, generator(x[:1], (1,)).picture, atol=1e-3)


@pytest.mark.parametrize("form, size", SMALL)
def test_weights_survive_split_and_join(form: type, size: int) -> None:
    ours, theirs = form(4, size, 2), form(4, size, 2)
    randomise(ours, 1)
    theirs.join_state(*ours.split_state())
    for key, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key]), key


def test_one_branch_serves_every_new_group() -> None:
    base, grown = Lite(4, 64, 1), Lite(4, 64, 3)
    randomise(base, 1)
    grown.join_state(*base.split_state())
    x = torch.randn(1, 3, 64, 64).clamp(-1, 1)
    for group in range(3):
        assert torch.equal(base(x).picture, grown(x, (group,)).picture)


def test_lite_branch_is_small_and_named_as_the_plugin_expects() -> None:
    trunk, branches = Lite(16, 128, 4).split_state()
    branch = branches[3]
    assert sum(value.numel() for value in branch.values()) == 49_381
    assert branch["stem.weight"].shape == (16, 3, 7, 7)
    assert branch["up1.weight"].shape == (32, 96, 3, 3)
    assert branch["merge.weight"].shape == (16, 19, 3, 3)
    assert branch["cam.gap.weight"].shape == (64,) and branch["cam.gmp.bias"].shape == (1,)
    assert trunk["cam.conv.weight"].shape == (64, 128, 1, 1)
    assert trunk["decode4.norm2.content_beta.fc2.bias"].shape == (64,)
    assert set(trunk).isdisjoint(branch)


def test_a_grown_branch_starts_from_the_trunk() -> None:
    small, large = Lite(4, 64, 2, ["stem", "head"]), Lite(4, 64, 2, ["stem", "head", "down1"])
    randomise(small, 1)
    large.join_state(*small.split_state())
    x = torch.randn(1, 3, 64, 64).clamp(-1, 1)
    assert torch.equal(small(x, (1,)).picture, large(x, (1,)).picture)


def test_a_deep_prefix_moves_into_the_branch() -> None:
    generator = Lite(4, 64, 2, ["stem", "decode4.norm2"])
    trunk, branches = generator.split_state()
    assert "decode4.norm2.rho" in branches[1] and "decode4.norm1.rho" in trunk
    assert generator(torch.zeros(2, 3, 64, 64), (1, 0)).picture.shape == (2, 3, 64, 64)


def test_official_names_and_unused_weights_survive_a_round_trip() -> None:
    ours = Paper(8, 64, 4)
    randomise(ours, 1)
    official = to_official(ours)
    assert len(official) == len(ours.state_dict())
    assert official["HourGlass1_2.HG.0.ConvBlock4_1.ConvBlock4.2.weight"].shape == (8, 8, 1, 1)
    assert official["HourGlass3.HG.1.ConvBlock3.3.weight"].shape == (2, 2, 3, 3)
    assert official["DecodeBlock1.norm1.norm.rho"].shape == (1, 32, 1, 1)
    assert official["DecodeBlock4.norm2.w_beta"].shape == (1, 32)
    again = to_official(from_official(official, 64))
    assert all(torch.equal(official[name], again[name]) for name in official)


def test_official_fixtures_agree_with_what_they_were_made_from(tmp_path: Path) -> None:
    official.make("few_shot_face2cartoon", 8, 64, 5, tmp_path)
    worst = official.check(tmp_path)
    assert {name.split()[1] for name in worst} == {"input", "output", "cam_logit", "heatmap", *TAPS}
    assert max(worst.values()) < 1e-4


def test_photo2cartoon_fixtures_have_one_group(tmp_path: Path) -> None:
    official.make("photo2cartoon", 4, 64, 5, tmp_path)
    worst = official.check(tmp_path)
    assert {name.split()[0] for name in worst} == {"g0"} and max(worst.values()) < 1e-4
