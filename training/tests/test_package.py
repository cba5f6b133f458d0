"""Packages, configs and checkpoints on disk."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toonface import checkpoint, config, export, package, paper
from toonface.groups import randomise

# The published network's state dict, with which the plugin is tested.
PUBLISHED = Path(__file__).parents[2] / "tests/fixtures/golden/weights.safetensors"


def test_package_round_trip_in_half(tmp_path: Path, settings: config.Config) -> None:
    generator = config.build_generator(settings.model, 2)
    randomise(generator, 1)
    package.write(tmp_path, "toon", generator, settings.model, settings.data.groups, half=True)
    assert load_file(tmp_path / "second.safetensors")["stem.weight"].dtype == torch.float16
    read = package.read_weights(tmp_path, config.build_generator(settings.model, 2), settings.data.groups)
    x = torch.zeros(1, 3, 64, 64)
    assert (read(x, (1,)).picture - generator(x, (1,)).picture).abs().max() < 0.02


def test_manifest_text() -> None:
    assert package.manifest("toon", config.ModelConfig(), ["woman", "kid"]) == (
        "(\n"
        "    version: 1,\n"
        '    name: "toon",\n'
        "    generator: Lite(base_channels: 16, image_size: 128, "
        'branch: ["stem", "style", "up1", "up2", "merge", "head"]),\n'
        '    trunk: "trunk.safetensors",\n'
        "    groups: [\n"
        '        (name: "woman", weights: "woman.safetensors"),\n'
        '        (name: "kid", weights: "kid.safetensors"),\n'
        "    ],\n"
        ")\n"
    )


def test_a_large_branch_is_refused(tmp_path: Path, settings: config.Config) -> None:
    settings.model.base_channels, settings.model.branch = 16, ["decode1", "decode2", "decode3"]
    generator = config.build_generator(settings.model, 2)
    with pytest.raises(ValueError, match="branch of first"):
        package.write(tmp_path, "toon", generator, settings.model, settings.data.groups, half=False)


def test_unknown_and_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown setting 'step'"):
        config.from_dict({"train": {"step": 3}})
    with pytest.raises(ValueError, match="train.steps: expected int"):
        config.from_dict({"train": {"steps": "3"}})
    assert config.from_dict({"loss": {"edge": 3}}).loss.edge == 3.0


def test_every_shipped_config_loads() -> None:
    files = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))
    assert files
    for file in files:
        settings = config.load(file)
        config.build_generator(settings.model, checkpoint.groups_of(settings))


def test_paper_goes_out_under_published_names(tmp_path: Path) -> None:
    export.write_official(tmp_path, paper.Paper(8, 64, 4))
    ours = load_file(tmp_path / "official.safetensors")
    published = load_file(PUBLISHED)
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in published.items()
    }


def test_a_package_of_paper_is_refused() -> None:
    with pytest.raises(ValueError, match="official names"):
        package.manifest("toon", config.ModelConfig(form="Paper"), ["woman"])
