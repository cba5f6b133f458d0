"""From pairs to a package as a user goes: one step of each stage, export, and the plugin's numbers against torch's.

Set $TOONFACE_STYLIZE to the command of the plugin's `stylize` example for the last part, for instance
`cargo run --release --all-features --example stylize --`. With $TOONFACE_PACK set the pairs are rendered, else random.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

GROUPS = ("woman", "man")
CONFIG = """
[model]
base_channels = 4
image_size = 64
[data]
groups = ["woman", "man"]
[train]
stage = {stage}
steps = 1
image_size = 64
batch = 2
photo_batch = 1
discriminator_channels = 4
"""
ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-3


def run(*words: object) -> None:
    """A module of training/, as from the command line."""
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT / "training", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def render(data: Path) -> None:
    """The same folders as of the fixture `pairs`, but of rendered people."""
    for folder, group, seed in (("pairs", "woman", 1), ("fewshot", "man", 2), ("heldout", "woman", 3), ("heldout", "man", 3)):
        run("pairs.make", "--out", data / folder, "--group", group, "--count", 2, "--seed", seed, "--size", 96)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package made from nothing, beside `reference` with torch's tensors."""
    folder = tmp_path_factory.mktemp("end_to_end")
    data = folder / "data"
    if os.environ.get("TOONFACE_PACK"):
        render(data)
    else:
        import numpy as np
        from PIL import Image

        random = np.random.default_rng(1)
        for part in ("pairs/woman", "fewshot/man", "heldout/woman", "heldout/man"):
            for kind in ("photo", "cartoon"):
                (data / part / kind).mkdir(parents=True)
                for index in range(2):
                    pixels = random.integers(0, 256, (96, 96, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(data / part / kind / f"{index:05d}.png")
    for stage in (1, 2):
        (folder / f"stage{stage}.toml").write_text(CONFIG.format(stage=stage))
        more = ("--init", folder / "run1/last.pt") if stage == 2 else ()
        photos = ("--photos", data / "heldout/woman/photo")
        run("toonface.train", "--config", folder / f"stage{stage}.toml", "--data", data, "--out", folder / f"run{stage}",
            *photos, *more)
    plugin = ("--plugin", os.environ["TOONFACE_STYLIZE"]) if os.environ.get("TOONFACE_STYLIZE") else ()
    run("toonface.evaluate", "--checkpoint", folder / "run2/last.pt", "--before", folder / "run1/last.pt",
        "--data", data, "--json", folder / "scores.json", "--sheet", folder / "scores.png", *plugin)
    run("toonface.ablation", "--config", folder / "stage2.toml", "--data", data, "--base", folder / "run1/last.pt", "--ours",
        folder / "run2/last.pt", "--out", folder / "ablation", "--json", folder / "ablation.json", *photos)
    run("toonface.export", "--checkpoint", folder / "run2/last.pt", "--scores", folder / "scores.json",
        "--ablation", folder / "ablation.json", "--out", folder / "package", "--half", "--reference", folder / "reference")
    return folder / "package"


def test_the_package_is_whole(package: Path) -> None:
    names = {path.name for path in package.iterdir()}
    assert names == {"CARD.md", "toon.cartoon.ron", "trunk.safetensors", "woman.safetensors", "man.safetensors"}
    card = (package / "CARD.md").read_text()
    assert "| man | this model, f16 |" in card and "--photos PHOTOS" in card
    ways = ("(a) base branch", "(b) all fine-tuned, stage2", "(c) from scratch, stage2", "(d) ours, stage2")
    assert all(f"| man | {way} |" in card for way in ways)


@pytest.mark.parametrize("group", GROUPS)
def test_the_plugin_scores_as_torch_does(package: Path, group: str) -> None:
    rows = json.loads((package.parent / "scores.json").read_text())["scores"]
    by = {row["drawn_by"]: row for row in rows if row["group"] == group}
    if "this model, by the plugin" not in by:
        pytest.skip("$TOONFACE_STYLIZE is not set: no plugin to compare with")
    ours, theirs = by["this model, by the plugin"], by["this model, f16"]
    assert abs(ours["l1"] - theirs["l1"]) <= 1 / 255, (ours, theirs)
    assert abs(ours["ssim"] - theirs["ssim"]) <= 0.01, (ours, theirs)
    assert ours["l1"] != by["photograph"]["l1"]


@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_the_plugin_draws_what_torch_draws(package: Path, group: int) -> None:
    command = os.environ.get("TOONFACE_STYLIZE")
    if not command:
        pytest.skip("$TOONFACE_STYLIZE is not set: no plugin to compare with")
    reference, drawn = package.parent / f"reference/g{group}.safetensors", package.parent / f"drawn{group}.safetensors"
    expected = load_file(reference)
    words = ["--model", package / "toon.cartoon.ron", "--group", GROUPS[group], "--tensors", drawn, reference]
    done = subprocess.run([*shlex.split(command), *map(str, words)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours = load_file(drawn)
    for name in ("output", "cam_logit", "heatmap"):
        worst = (ours[name].flatten() - expected[name].flatten()).abs().max()
        assert worst <= TOLERANCE * max(1, expected[name].abs().max()), (name, worst)
    assert not torch.equal(expected["output"], torch.zeros_like(expected["output"]))
