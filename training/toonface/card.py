"""CARD.md of a package: data, licence, training, scores, limits."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .checkpoint import Checkpoint
from .evaluate import table

_TEXT = """# Model card: {name}

Draws a portrait as a cartoon, as a person of one of the groups {groups}.
`{form}` generator, {channels} base channels, {size} x {size} pixels.

| part | weights |
|---|---|
| trunk, shared | {trunk:,} |
| branch, each group | {branch:,} |

Stored as {kind}. In the branch: {prefixes}, and the group's CAM rows.

## Data
Rendered pairs only; no photograph of a real person was used in training. A person is drawn at random
from the MakeHuman base mesh, targets, skins, hair and eyes, all released as CC0 by the MakeHuman
community, and rendered twice: with a photograph's shading, and flat with outlines, larger eyes and few
colours. `training/pairs` makes the pairs and names the assets. The base group is {base}
({base_pairs} pairs); every other group has {few_pairs}.

## Licence
The assets are CC0, and so are these weights.

## Training
Two stages (see `training/README.md`): trunk and base branch on the base group; then all groups
together, where the losses of the new groups step their branches only. Losses: L1 weighted towards lines,
L1 of gradients, least-squares patch discriminators with CAM and class heads, group from the CAM logits.
The last run took {steps:,} steps of {batch} + {few_batch} a new group; the weights are a running average.{note}

## Scores
On held-out rendered pairs, never trained on. L1 of pictures in [-1, 1]; SSIM of luminance; edge F1 counts
line pixels within one pixel.

{scores}

## Limits
- Faces near the camera, upright, within about 25 degrees of frontal; crop the picture so that the head
  fills about two thirds of its height. Glasses, hats, hands and strong side light were never seen.
- Trained on renderings: real photographs come out simpler, and turned heads and open smiles break first.
- A group is a manner of drawing, chosen by the game. The model does not tell anybody's age or gender.
- The new groups saw {few_pairs} people each: hair styles and ages beyond those fall back on the base group's.
"""


def text(name: str, saved: Checkpoint, scores: Optional[List[Dict[str, Any]]], half: bool, note: str = "") -> str:
    """The card of a checkpoint; `scores` as `toonface.evaluate --json` writes them; `note` closes its training."""
    config = saved.config
    trunk, branches = saved.generator.split_state()
    pairs = saved.state["pairs"]
    return _TEXT.format(
        name=name,
        groups=", ".join(f"`{group}`" for group in config.data.groups),
        form=config.model.form,
        channels=config.model.base_channels,
        size=config.model.image_size,
        trunk=sum(value.numel() for value in trunk.values()),
        branch=sum(value.numel() for value in branches[0].values()),
        kind="f16" if half else "f32",
        prefixes=", ".join(f"`{prefix}`" for prefix in config.model.branch),
        base=f"`{config.data.groups[0]}`",
        base_pairs=pairs[0],
        few_pairs=pairs[-1],
        steps=saved.step,
        batch=config.train.batch,
        few_batch=config.train.few_batch,
        note=f" {note}" if note else "",
        scores=table(scores) if scores else "Not measured.",
    )
