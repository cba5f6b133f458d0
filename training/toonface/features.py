"""A small network trained on rendered cartoons, whose features KID and identity retrieval compare.

    python -m toonface.features --data DATA --out RUN/features.pt

It learns to tell from a cartoon (64 x 64) the skin tone, hair style, glasses, open mouth and closed eyes, and to
estimate the pose: what makes a drawn person that person. It sees training pairs only, never held-out ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data import read_bytes, to_floats

SIZE, WIDTH = 64, 128
ANGLES = ("yaw", "pitch", "roll")
TONES = ("dark", "medium", "light")
BATCH, STEPS = 32, 1200


class Features(nn.Module):
    """Cartoon [N, 3, S, S] in [-1, 1] -> features [N, 2 WIDTH]; `heads` is used in training only."""

    def __init__(self, hair_styles: List[str]):
        super().__init__()
        self.hair_styles = hair_styles
        widths = (3, 24, 48, 96, WIDTH)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths[:-1], widths[1:]))
        self.norms = nn.ModuleList(nn.GroupNorm(8, b) for b in widths[1:])
        self.heads = nn.Linear(2 * WIDTH, len(TONES) + len(hair_styles) + 3 + len(ANGLES))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != SIZE:
            x = F.interpolate(x, size=SIZE, mode="bilinear", antialias=True)
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
        # Where things are counts as well as what they are: the mean, and the mean weighted by height.
        rows = torch.linspace(-1, 1, x.shape[2], device=x.device)[:, None]
        return torch.cat((x.mean(dim=(2, 3)), (x * rows).mean(dim=(2, 3))), dim=1)

    def loss(self, x: Tensor, truth: Dict[str, Tensor]) -> Tensor:
        tone, hair, flags, angles = self.heads(self(x)).split([len(TONES), len(self.hair_styles), 3, 3], dim=1)
        return (
            F.cross_entropy(tone, truth["tone"])
            + F.cross_entropy(hair, truth["hair"])
            + F.binary_cross_entropy_with_logits(flags, truth["flags"])
            + F.mse_loss(angles, truth["angles"])
        )


def read_meta(folder: Path) -> Dict[int, Dict[str, Any]]:
    """Lines of meta.jsonl by index, as `pairs.make` writes them."""
    path = folder / "meta.jsonl"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: `pairs.make` writes it beside the pictures")
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return {line["index"]: line for line in lines}


def train(folders: List[Path], seed: int = 1, steps: int = STEPS) -> Features:
    """A network trained on the cartoons of the folders."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    pictures, lines = [], []
    for folder in folders:
        for index, line in sorted(read_meta(folder).items()):
            path = folder / "cartoon" / f"{index:05d}.jpg"
            if path.is_file():
                pictures.append(read_bytes(path, SIZE))
                lines.append(line)
    styles = sorted({str(line["hair"]) for line in lines})
    truth = {
        "tone": torch.tensor([TONES.index(line["tone"]) for line in lines]),
        "hair": torch.tensor([styles.index(str(line["hair"])) for line in lines]),
        "flags": torch.tensor([[line["glasses"], line["teeth"] > 0, line["blink"] > 0.5] for line in lines]).float(),
        "angles": torch.tensor([[line[name] / 15 for name in ANGLES] for line in lines]).float(),
    }
    cartoons, network = torch.stack(pictures), Features(styles)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        index = torch.randint(len(cartoons), (BATCH,), generator=random)
        batch = to_floats(cartoons[index])
        batch = (batch + 0.1 * torch.randn(BATCH, 3, 1, 1, generator=random)).clamp(-1, 1)
        loss = network.loss(batch, {name: value[index] for name, value in truth.items()})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            print(f"features {step + 1}: loss {loss.item():.3f}", flush=True)
    return network.eval()


def load(path: Path) -> Features:
    """A network that `main` wrote."""
    state = torch.load(path, map_location="cpu")
    network = Features(state["hair_styles"])
    network.load_state_dict(state["weights"])
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the pairs")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folders = sorted(path.parent for kind in ("pairs", "fewshot") for path in arguments.data.glob(f"{kind}/*/meta.jsonl"))
    network = train(folders, steps=arguments.steps)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"hair_styles": network.hair_styles, "weights": network.state_dict()}, arguments.out)


if __name__ == "__main__":
    main()
