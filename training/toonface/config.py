"""Settings of a run: small dataclasses filled from a TOML file, unknown names refused."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Type, TypeVar

from . import lite, paper
from .groups import Generator

T = TypeVar("T")
FORMS = {"Lite": lite.Lite, "Paper": paper.Paper}


@dataclass
class ModelConfig:
    """The generator."""

    form: str = "Lite"  # "Lite" or "Paper"
    base_channels: int = 16
    image_size: int = 128  # of the finished model; a run may train on smaller pictures first
    branch: List[str] = field(default_factory=lambda: list(lite.BRANCH))


@dataclass
class DataConfig:
    """Folders with `photo` and `cartoon` beneath; the first group is the base group."""

    groups: List[str] = field(default_factory=lambda: ["woman", "man", "kid", "elderly"])
    base: str = "pairs"  # <base>/<first group>/{photo,cartoon}
    few: str = "fewshot"  # <few>/<other group>/{photo,cartoon}
    backdrops: str = "backdrops"  # pictures to put behind people whose pairs have mattes; may be missing
    heldout: str = "heldout"  # <heldout>/<group>/{photo,cartoon}


@dataclass
class LossConfig:
    """Weights of the losses."""

    pixel: float = 10.0  # L1
    edge: float = 10.0  # L1 of the gradients, at full and half size
    line: float = 4.0  # how much more a pixel on a line counts than one on a flat area
    ink: float = 0.0  # and one of the line itself, more than those beside it
    adversarial: float = 0.5
    consistency: float = 5.0  # real photographs: L1 to what the running average draws of the untouched photograph
    kept: float = 10.0  # real photographs: colours that the base branch nearly leaves alone stay
    photo_adversarial: float = 0.2  # real photographs
    group: float = 0.1  # class head: the generator must draw its group
    cam: float = 0.05  # group from the CAM logits


@dataclass
class TrainConfig:
    """One run of one stage."""

    stage: int = 1  # 1: base group; 2: all groups
    steps: int = 1000
    image_size: int = 128  # pictures of this run
    batch: int = 4  # of the base group
    few_batch: int = 1  # of each other group, in stage 2
    photo_batch: int = 0  # of real photographs without cartoons (`--photos`), all drawn by one branch a step
    learning_rate: float = 1e-3
    few_learning_rate: float = 5e-4  # branches of the new groups, in stage 2
    final_rate: float = 0.02  # the rate falls along a cosine to this fraction
    weight_decay: float = 0.0
    discriminator_channels: int = 24
    discriminator_rate: float = 4e-4
    adversarial_from: int = 0  # first step with the discriminators; their cost is not paid before
    judge_every: int = 1  # the discriminators learn only every so many steps
    average: float = 0.998  # decay of the running average of the weights
    bfloat16: bool = False  # mixed precision: convolutions in bfloat16 where processor or GPU have it
    threads: int = 1
    seed: int = 1
    sample_every: int = 250
    save_every: int = 250


@dataclass
class Config:
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def _fill(kind: Type[T], values: Dict[str, Any], where: str) -> T:
    fields = {item.name: item for item in dataclasses.fields(kind)}
    filled: Dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise ValueError(f"{where}: unknown setting {name!r}, expected one of {sorted(fields)}")
        default = getattr(kind(), name)
        if dataclasses.is_dataclass(default):
            filled[name] = _fill(type(default), value, f"{where}.{name}")
            continue
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise ValueError(f"{where}.{name}: expected {type(default).__name__}, got {value!r}")
        filled[name] = value
    return kind(**filled)


def from_dict(values: Dict[str, Any], where: str = "config") -> Config:
    """A config from nested dictionaries, as `dataclasses.asdict` writes them."""
    return _fill(Config, values, where)


def load(path: Path) -> Config:
    """Reads a TOML file."""
    with open(path, "rb") as file:
        return from_dict(tomllib.load(file), path.name)


def build_generator(model: ModelConfig, groups: int) -> Generator:
    """A generator with fresh weights."""
    if model.form not in FORMS:
        raise ValueError(f"model.form: expected one of {sorted(FORMS)}, got {model.form!r}")
    return FORMS[model.form](model.base_channels, model.image_size, groups, model.branch)
