"""Takes a step back from a run towards the one that it started from: the mean of two checkpoints' weights.

    python -m toonface.blend --checkpoint RUN/polish/last.pt --before RUN/all/last.pt --part 0.35 --out RUN/blend.pt

weights = (1 - part) * checkpoint + part * before. Of runs that lie on one path such a mean draws about as well as
either (M. Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903): the polish's outlines stay, and most of what its
discriminators cost in closeness comes back. The result is for `toonface.evaluate`, `toonface.export` and `--init` of another run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import checkpoint


def blend(last: Path, before: Path, part: float, out: Path) -> None:
    """Writes the averaged weights of `last`, mixed with those of `before`, as a checkpoint."""
    if not 0 <= part <= 1:
        raise ValueError(f"--part is {part}: it has to be within 0 and 1")
    saved, other = checkpoint.load(last), checkpoint.load(before)
    checkpoint.same_shape(before, other.config, saved.config)
    ours, theirs = saved.state["average"], other.state["average"]
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        raise ValueError(f"{before}: its groups or its branch are not those of {last}: blend two runs of stage 2")
    mixed = {name: value + part * (theirs[name] - value) for name, value in ours.items()}
    about = {name: saved.state[name] for name in ("pairs", "photos") if name in saved.state}
    checkpoint.save(out, saved.config, saved.step, {"average": mixed, "blended": part, **about})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="the later run")
    parser.add_argument("--before", type=Path, required=True, help="the run that it started from")
    parser.add_argument("--part", type=float, required=True, help="of the earlier weights, 0 to 1")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint with the mean")
    arguments = parser.parse_args()
    try:
        blend(arguments.checkpoint, arguments.before, arguments.part, arguments.out)
    except (OSError, ValueError) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
