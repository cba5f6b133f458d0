"""What the plugin draws with a checkpoint's weights, on the way that pictures take in a game."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Sequence

import torch
from torch import Tensor

from . import package
from .config import ModelConfig
from .data import read_picture
from .groups import Generator
from .sheet import write_sheet

NAME = "scored"


class Plugin:
    """The example `stylize`, by the words that start it, with a package in f16 of a generator's weights."""

    def __init__(self, command: str, generator: Generator, model: ModelConfig, groups: Sequence[str]):
        self.command, self.groups, self.size = shlex.split(command), list(groups), model.image_size
        self.folder = tempfile.TemporaryDirectory(prefix="toonface-plugin-")
        self.path = Path(self.folder.name)
        package.write(self.path / "package", NAME, generator, model, groups, half=True)

    def draw(self, photo: Tensor, group: int) -> Tensor:
        """Cartoons of photographs, both [N, 3, S, S] in [-1, 1] and, on their way, pictures of 8 bits."""
        photos = [self.path / "photo" / f"{index:05}.png" for index in range(len(photo))]
        for path, picture in zip(photos, photo):
            write_sheet(path, [picture[None]])
        name, drawn = self.groups[group], self.path / "drawn"
        manifest = self.path / "package" / f"{NAME}.cartoon.ron"
        words = [*self.command, "--model", manifest, "--group", name, "--out", drawn, *photos]
        try:
            done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        except OSError as error:
            raise ValueError(f"--plugin: {self.command[0]} cannot be started: {error}") from error
        if done.returncode:
            raise ValueError(f"--plugin: {shlex.join(self.command)} failed: {done.stderr.strip()[-500:]}")
        return torch.stack([read_picture(drawn / f"{path.stem}.{name}.png", self.size) for path in photos])
