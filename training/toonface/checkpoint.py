"""Checkpoints of a run: one file with everything that is needed to continue."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any, Dict, NamedTuple

import torch

from .config import Config, build_generator, from_dict
from .groups import Generator


class Checkpoint(NamedTuple):
    """A loaded checkpoint; `generator` holds the averaged weights, `state` all that was saved."""

    config: Config
    step: int
    generator: Generator
    state: Dict[str, Any]


def groups_of(config: Config) -> int:
    """Groups that a run serves: stage 1 knows only the base group."""
    return 1 if config.train.stage == 1 else len(config.data.groups)


def same_shape(path: Path, theirs: Config, ours: Config) -> None:
    """Refuses a checkpoint whose weights do not fit this run. More prefixes in the branch are fine."""
    for name in ("form", "base_channels"):
        there, here = getattr(theirs.model, name), getattr(ours.model, name)
        if there != here:
            raise ValueError(f"{path}: model.{name} is {there!r}, this run has {here!r}: use the config it was made with")
    mine, other = groups_of(ours), groups_of(theirs)
    if other not in (1, mine) and mine != 1:
        raise ValueError(f"{path}: serves {other} groups, this run {mine}: start from a stage 1 checkpoint")


def save(path: Path, config: Config, step: int, state: Dict[str, Any]) -> None:
    """Writes `path` in one move, so that a killed run never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save({"config": dataclasses.asdict(config), "step": step, **state}, temporary)
    temporary.replace(path)


def load(path: Path) -> Checkpoint:
    """Reads a checkpoint onto the CPU."""
    try:
        state = torch.load(path, map_location="cpu")
        config = from_dict(state["config"], path.name)
    except (KeyError, TypeError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is not a checkpoint of this trainer: {error}") from error
    generator = build_generator(config.model, groups_of(config))
    generator.load_state_dict(state["average"])
    return Checkpoint(config, state["step"], generator.eval(), state)
