"""Small pairs on disk, the same for all tests."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toonface import config


@pytest.fixture
def settings() -> config.Config:
    """A tiny model with two groups and a few steps of stage 2."""
    settings = config.Config()
    settings.model.base_channels, settings.model.image_size = 4, 64
    settings.data.groups = ["first", "second"]
    settings.train.stage, settings.train.steps, settings.train.image_size, settings.train.batch = 2, 2, 64, 2
    settings.train.discriminator_channels = 4
    return settings


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Folder with base, few-shot and held-out pairs of random pictures, 32 x 32."""
    random = np.random.default_rng(1)
    for folder in ("pairs/first", "fewshot/second", "heldout/first", "heldout/second"):
        for kind in ("photo", "cartoon"):
            (tmp_path / folder / kind).mkdir(parents=True)
            for index in range(3):
                pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / kind / f"{index}.png")
    return tmp_path
