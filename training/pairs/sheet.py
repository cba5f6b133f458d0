"""Contact sheet: photos over cartoons, a few people of each group."""

import argparse

import numpy as np
from PIL import Image

from . import GROUPS
from .gpu import GpuError
from .pack import Pack, PackError
from .person import sample
from .renderer import Renderer


def sheet(renderer, seed, per_group, groups=GROUPS, columns=6):
    """One picture: rows of photos, each over its row of cartoons."""
    people = [sample(group, seed, k, renderer.feature_names) for group in groups for k in range(per_group)]
    pairs = [renderer.render(person) for person in people]
    rows = []
    for first in range(0, len(pairs), columns):
        row = pairs[first:first + columns]
        for pictures in ([pair.photo for pair in row], [pair.cartoon for pair in row]):
            strip = np.concatenate(pictures, 1)
            missing = (columns - len(row)) * renderer.size
            rows.append(np.pad(strip, ((0, 0), (0, missing), (0, 0)), constant_values=255))
    return np.concatenate(rows, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", help="asset pack folder (default: $TOONFACE_PACK)")
    parser.add_argument("--out", required=True, help="picture to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-group", type=int, default=3)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--size", type=int, default=256, help="side of one picture in pixels")
    options = parser.parse_args()
    try:
        renderer = Renderer(Pack(options.pack), options.size)
    except (PackError, GpuError) as error:
        parser.exit(2, f"error: {error}\n")
    Image.fromarray(sheet(renderer, options.seed, options.per_group, options.groups, options.columns)).save(options.out)


if __name__ == "__main__":
    main()
