"""CARD.md of a package: data, licence, training, scores, limits."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .checkpoint import Checkpoint
from .evaluate import split_table, table

_TEXT = """# Model card: {name}

Draws a portrait as a cartoon, as a person of one of the groups {groups}.
`{form}` generator, {channels} base channels, {size} x {size} pixels.

| part | weights |
|---|---|
| trunk, shared | {trunk:,} |
| branch, each group | {branch:,} |

Stored as {kind}. In the branch: {prefixes}, and the group's CAM rows.

## Data
Rendered pairs: a person is drawn at random from the MakeHuman base mesh, targets, skins, hair and eyes, all
released as CC0 by the MakeHuman community, and rendered twice: with a photograph's shading, and flat with outlines,
larger eyes and few colours. `training/pairs` makes the pairs and names the assets. The base group is {base}
({base_pairs:,} pairs); every other group has {few_pairs}.
{photos}

## Licence
The assets are CC0, and so are these weights.

## Training
Two stages (see `training/README.md`): trunk and base branch on the base group; then all groups
together, where the losses of the new groups step their branches only. Losses: L1 weighted towards lines,
L1 of gradients, group from the CAM logits{played}.
The last of its runs took {steps:,} steps of {batch} + {few_batch} a new group; the weights are a running average.{note}

```sh
{command}
```

## Scores
On held-out rendered pairs, never trained on, though looked at while the model was made. L1 of pictures in [-1, 1]; SSIM
of luminance; edge F1 counts line pixels within one pixel; rank-1: how often a drawing is nearest to its own target among its whole group; KID:
distance of the distributions of drawings and targets. Both on features of a small network trained on the training
pairs' cartoons (`training/toonface/features.py`).

{scores}

L1 by who is drawn, all groups together:

{split}

### Ablation
{ablation}

## Limits
- Faces near the camera, within about 30 degrees of frontal and upright; crop the picture so that the head fills half
  to three quarters of its height. Hats, scarves, hands before the face and profiles were never seen.
- Trained on renderings: real photographs come out simpler. Strong side light leaves half a face dull, receding and curly
  hair are drawn as smooth patches with stray strokes, rimless glasses are lost or broken, narrowed eyes are hardly
  drawn; beards are fainter than in the drawings they were learned from; of the lines of old faces the finer
  ones beside the eyes are often left out, and a smooth forehead gets one or two that are not there.
- A group is a manner of drawing, chosen by the game. The model does not tell anybody's age or gender.
- The new groups saw {few_pairs} people each: hair styles and ages beyond those fall back on the base group's.
"""


NO_PHOTOS = "No photograph of a real person was used in training."
PHOTOS = """{photos} photographs of real people without cartoons (public domain portraits, not part of the project) were
used in the last run: the network learned to draw them alike whatever camera took them{judged}, and to leave
their backdrops alone. They taught it no likeness of anybody: their targets were its own drawings."""
PLAYED = ", least-squares patch discriminators with CAM and class heads"
JUDGED = ", and as the discriminators know cartoons"
COMMAND = """python -m toonface.train --config configs/stage1.toml --data DATA --out RUN/base
python -m toonface.train --config configs/stage2.toml --data DATA --out RUN/all --init RUN/base/last.pt
python -m toonface.train --config configs/polish.toml --data DATA --out RUN/polish --init RUN/all/last.pt{photos}"""
ABLATION = """Ours against simpler ways with the same few pairs and the same budget: (b) and (c) went through the same runs as ours,
of which each is a row: `training/toonface/ablation.py`. {pairs} held-out pairs a group.

{table}"""


def photos_text(saved: Checkpoint) -> str:
    """What real photographs were for."""
    if not saved.state.get("photos"):
        return NO_PHOTOS
    judged = saved.config.loss.adversarial > 0 and saved.config.loss.photo_adversarial > 0
    return PHOTOS.format(photos=saved.state["photos"], judged=JUDGED if judged else "")


def command_text(saved: Checkpoint) -> str:
    """How to train such a model."""
    return COMMAND.format(photos=" --photos PHOTOS" if saved.state.get("photos") else "")


def ablation_text(rows: Optional[List[Dict[str, Any]]]) -> str:
    """The table as `toonface.ablation --json` writes it."""
    return ABLATION.format(pairs=rows[0]["pairs"], table=table(rows)) if rows else "Not measured."


def text(
    name: str,
    saved: Checkpoint,
    scores: Optional[Dict[str, Any]],
    ablation: Optional[List[Dict[str, Any]]],
    half: bool,
    note: str = "",
) -> str:
    """The card of a checkpoint.

    `scores` and `ablation` are what `toonface.evaluate --json` and `toonface.ablation --json` write; `note` closes the
    part about training.
    """
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
        scores=table(scores["scores"]) if scores else "Not measured.",
        split=split_table(scores["split"]) if scores and scores["split"] else "Not measured.",
        ablation=ablation_text(ablation),
        played=PLAYED if config.loss.adversarial > 0 else "; no discriminators",
        photos=photos_text(saved),
        command=command_text(saved),
    )
