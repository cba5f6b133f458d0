"""Write backdrops alone, for training to put behind people with mattes: OUT/00000.jpg and so on, by seed."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .background import background
from .pack import Pack, PackError
from .person import sample
from .shape import feature_names


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", help="asset pack folder (default: $TOONFACE_PACK)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=256, help="side of a picture in pixels")
    options = parser.parse_args()
    try:
        names = feature_names(Pack(options.pack))
    except PackError as error:
        parser.exit(2, f"error: {error}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    for index in range(options.count):
        picture = background(sample("woman", options.seed, index, names), options.size)
        pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(pixels).save(options.out / f"{index:05d}.jpg", quality=92)


if __name__ == "__main__":
    main()
