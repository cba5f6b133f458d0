"""Write a data set of pairs.

OUT/GROUP/photo/00000.jpg, OUT/GROUP/cartoon/00000.jpg and OUT/GROUP/meta.jsonl, a line a pair; with --mattes
OUT/GROUP/matte/00000.png, too, how far the person covers the photo (red) and the cartoon (green). A pair depends on
(group, seed, index) only, so a run can be stopped, resumed, extended or split; pairs that exist are skipped.
"""

import argparse
import io
import json
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from . import GROUPS
from .gpu import GpuError
from .pack import Pack, PackError
from .person import sample
from .renderer import Renderer, ShadingError

CARTOON_QUALITY = 95
PHOTO_QUALITY = (70, 95)  # JPEG artefacts belong to photos


class SeedMismatch(RuntimeError):
    """The folder already holds pairs of another seed."""


@dataclass(frozen=True)
class Job:
    """What one run writes."""

    pack: str | None
    out: Path
    group: str
    seed: int
    size: int  # pixels a side
    mattes: bool = False  # write the person's coverage, too

    @property
    def folder(self):
        return Path(self.out) / self.group

    def paths(self, index):
        """Photo and cartoon file of a pair, and that of its matte if they are wanted."""
        pair = self.folder / "photo" / f"{index:05d}.jpg", self.folder / "cartoon" / f"{index:05d}.jpg"
        return (*pair, self.folder / "matte" / f"{index:05d}.png") if self.mattes else pair


class Writer:
    """A renderer that writes pairs to disk and returns their meta lines."""

    def __init__(self, job):
        self.job, self.renderer = job, Renderer(Pack(job.pack), job.size)

    def write(self, index):
        person = sample(self.job.group, self.job.seed, index, self.renderer.feature_names)
        pair = self.renderer.render(person)
        low, high = PHOTO_QUALITY
        photo_quality = int(person.random("jpeg").integers(low, high + 1))
        photo_path, cartoon_path, *matte_path = self.job.paths(index)
        _save(pair.photo, photo_path, "JPEG", quality=photo_quality, subsampling="4:2:0")
        # Thin lines need full chroma.
        _save(pair.cartoon, cartoon_path, "JPEG", quality=CARTOON_QUALITY, subsampling="4:4:4")
        for path in matte_path:
            _save(_matte(pair), path, "PNG")
        return person.meta()


def _matte(pair):
    """(size, size, 3) uint8: coverage in the photo in red, in the cartoon in green."""
    cover = np.stack([pair.photo_mask, pair.cartoon_mask, np.zeros_like(pair.photo_mask)], -1)
    return (np.clip(cover, 0, 1) * 255 + 0.5).astype(np.uint8)


def _save(image, path, kind, **options):
    """Write a picture under a temporary name first, so that a stopped run leaves no half file."""
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, kind, **options)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(memory.getvalue())
    temporary.replace(path)


def make(job, start, count, workers=1):
    """Write pairs start .. start + count - 1 that are missing. Returns how many were written."""
    for path in job.paths(0):
        path.parent.mkdir(parents=True, exist_ok=True)
    meta_path = job.folder / "meta.jsonl"
    known = _read_meta(meta_path, job)
    there = {k for k in known if all(path.is_file() for path in job.paths(k))}
    missing = [k for k in range(start, start + count) if k not in there]
    if not missing:
        return 0
    with open(meta_path, "a") as meta, tqdm(total=len(missing), desc=job.group, unit="pair") as bar:
        for line in _written(job, missing, workers):
            if line["index"] not in known:
                meta.write(json.dumps(line) + "\n")
                meta.flush()
            bar.update()
    return len(missing)


def _read_meta(path, job):
    """Indices with a meta line. Pairs of another seed in the folder are an error, not a silent mixture."""
    if not path.is_file():
        return set()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["seed"] != job.seed:
            raise SeedMismatch(f"{path} holds pairs of seed {line['seed']}, not {job.seed}: use another --out")
    return {line["index"] for line in lines}


def _written(job, indices, workers):
    """Write pairs, yielding meta lines as they are done."""
    if workers == 1:
        yield from map(Writer(job).write, indices)
        return
    # Spawned, not forked: a GL context does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start_worker, (job,)) as pool:
        yield from pool.imap_unordered(_work, indices, chunksize=4)


_writer = None  # of this worker process


def _start_worker(job):
    global _writer
    _writer = Writer(job)


def _work(index):
    return _writer.write(index)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", help="asset pack folder (default: $TOONFACE_PACK)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--group", choices=GROUPS, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start", type=int, default=0, help="first index")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=256, help="side of a picture in pixels")
    parser.add_argument("--workers", type=int, default=1,
                        help="processes; a software renderer uses several cores by itself")
    parser.add_argument("--mattes", action="store_true", help="write mattes, so that training can change backdrops")
    options = parser.parse_args()
    job = Job(options.pack, options.out, options.group, options.seed, options.size, options.mattes)
    try:
        written = make(job, options.start, options.count, options.workers)
    except (PackError, GpuError, SeedMismatch, ShadingError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{job.folder}: {written} pairs written, {options.count - written} were there")


if __name__ == "__main__":
    main()
