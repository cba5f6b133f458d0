"""Pairs of photographs and cartoons in folders, read once and kept as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SUFFIXES = (".jpg", ".jpeg", ".png")


class Pairs(NamedTuple):
    """Photographs and cartoons of one group, both uint8 [N, 3, S, S]; perhaps mattes.

    A matte is the person's coverage in photograph and cartoon, uint8 [N, 2, S, S].
    """

    photo: Tensor
    cartoon: Tensor
    matte: Optional[Tensor] = None

    def part(self, chosen: slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(*(None if x is None else x[chosen] for x in self))


def pictures_in(folder: Path) -> List[Path]:
    """Picture files of a folder, sorted by name."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def read_bytes(path: Path, size: int) -> Tensor:
    """A picture as uint8 [3, size, size]: resized by area filtering, transparency over white."""
    try:
        picture = Image.open(path)
        picture.load()
    except OSError as error:
        raise ValueError(f"{path} is not a picture that can be read: {error}") from error
    if picture.width != picture.height:
        raise ValueError(f"{path} is {picture.width} x {picture.height} pixels: crop it to a square around the head")
    if picture.mode in ("RGBA", "LA", "P"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("RGB")
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def to_floats(bytes_: Tensor) -> Tensor:
    """uint8 -> [-1, 1]."""
    return bytes_.float() / 127.5 - 1


def read_picture(path: Path, size: int) -> Tensor:
    """A picture as floats [3, size, size] in [-1, 1]."""
    return to_floats(read_bytes(path, size))


def read_pairs(folder: Path, size: int) -> Pairs:
    """All pairs of `folder`/photo and `folder`/cartoon, and their mattes in `folder`/matte if there are any.

    Files pair by name. A matte is a picture whose red channel covers the photograph, and its green one the cartoon.
    """
    photos, cartoons = pictures_in(folder / "photo"), pictures_in(folder / "cartoon")
    if not photos and not cartoons:
        raise ValueError(f"{folder}: no pictures in photo/ and cartoon/ ({', '.join(SUFFIXES)})")
    if [path.stem for path in photos] != [path.stem for path in cartoons]:
        names, others = ({path.stem for path in paths} for paths in (photos, cartoons))
        lost = [f"without a cartoon: {', '.join(sorted(names - others)[:5])}"] if names - others else []
        lost += [f"without a photo: {', '.join(sorted(others - names)[:5])}"] if others - names else []
        raise ValueError(f"{folder}: files pair by name; " + ("; ".join(lost) or "a name occurs twice"))
    mattes = pictures_in(folder / "matte") if (folder / "matte").is_dir() else []
    if mattes and [path.stem for path in mattes] != [path.stem for path in photos]:
        raise ValueError(f"{folder}: {len(mattes)} pictures in matte/ do not pair with {len(photos)} in photo/ by name")
    return Pairs(
        torch.stack([read_bytes(path, size) for path in photos]),
        torch.stack([read_bytes(path, size) for path in cartoons]),
        torch.stack([read_bytes(path, size)[:2] for path in mattes]) if mattes else None,
    )
