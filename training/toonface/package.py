"""The model package that the plugin loads: a RON manifest, a trunk and one file for each group."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import List, Sequence

import torch
from safetensors.torch import load_file, save_file

from .config import ModelConfig, build_generator
from .groups import Generator, State

BRANCH_LIMIT = 250_000


def manifest(name: str, model: ModelConfig, groups: Sequence[str]) -> str:
    """Text of `<name>.cartoon.ron` of a `Lite` generator."""
    if model.form != "Lite":
        raise ValueError(f"a package is written for Lite; {model.form} goes through official names (toonface.export)")
    branch = ", ".join(f'"{prefix}"' for prefix in model.branch)
    rows = "".join(f'        (name: "{group}", weights: "{group}.safetensors"),\n' for group in groups)
    return (
        "(\n"
        "    version: 1,\n"
        f'    name: "{name}",\n'
        f"    generator: Lite(base_channels: {model.base_channels}, image_size: {model.image_size}, "
        f"branch: [{branch}]),\n"
        '    trunk: "trunk.safetensors",\n'
        f"    groups: [\n{rows}    ],\n"
        ")\n"
    )


def _stored(state: State, half: bool) -> State:
    kind = torch.float16 if half else torch.float32
    return {key: value.detach().to(kind).contiguous() for key, value in state.items()}


def write(out: Path, name: str, generator: Generator, model: ModelConfig, groups: Sequence[str], half: bool) -> None:
    """Writes manifest and weights; a branch beyond `BRANCH_LIMIT` weights is refused.

    Everything is written beside `out` first and moved when it is whole, so an error leaves an old package as it was.
    """
    trunk, branches = generator.split_state()
    for group, branch in zip(groups, branches):
        weights = sum(value.numel() for value in branch.values())
        if weights > BRANCH_LIMIT:
            raise ValueError(f"branch of {group}: {weights} weights, more than {BRANCH_LIMIT}")
    text = manifest(name, model, groups)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".package-") as unfinished:
        folder = Path(unfinished)
        save_file(_stored(trunk, half), folder / "trunk.safetensors")
        for group, branch in zip(groups, branches):
            save_file(_stored(branch, half), folder / f"{group}.safetensors")
        (folder / f"{name}.cartoon.ron").write_text(text)
        out.mkdir(exist_ok=True)
        for file in sorted(folder.iterdir(), key=lambda path: path.suffix == ".ron"):  # the manifest last
            file.chmod(0o644)
            file.replace(out / file.name)


def read_weights(folder: Path, generator: Generator, groups: Sequence[str]) -> Generator:
    """Fills `generator` with the weights of a package, as f32, whatever they are stored as."""

    def floats(path: Path) -> State:
        return {key: value.float() for key, value in load_file(path).items()}

    branches: List[State] = [floats(folder / f"{group}.safetensors") for group in groups]
    generator.join_state(floats(folder / "trunk.safetensors"), branches)
    return generator.eval()


def _manifest_in(folder: Path) -> Path:
    manifests = sorted(folder.glob("*.cartoon.ron"))
    if len(manifests) != 1:
        raise ValueError(f"{folder}: {len(manifests)} manifests (*.cartoon.ron), expected one")
    return manifests[0]


def groups(folder: Path) -> List[str]:
    """The names of a package's groups. Reads manifests as `manifest` and the plugin write them."""
    return re.findall(r'name:\s*"([^"]+)",\s*weights', _manifest_in(folder).read_text())


def read(folder: Path) -> Generator:
    """The generator of a `Lite` package with its weights."""
    path = _manifest_in(folder)
    text = path.read_text()
    shape = re.search(r"Lite\(\s*base_channels:\s*(\d+),\s*image_size:\s*(\d+),\s*branch:\s*\[(.*?)\]", text, re.DOTALL)
    if not shape:
        raise ValueError(f"{path}: not a Lite generator")
    model = ModelConfig("Lite", int(shape[1]), int(shape[2]), re.findall(r'"([^"]+)"', shape[3]))
    names = groups(folder)
    return read_weights(folder, build_generator(model, len(names)), names)
