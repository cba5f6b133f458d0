"""Contact sheets: rows of pictures to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import torch
from PIL import Image
from torch import Tensor


def write_sheet(path: Path, rows: Sequence[Tensor]) -> None:
    """Rows [N, 3, S, S] in [-1, 1], of any lengths, as one PNG."""
    widest = max(len(row) for row in rows)
    lines = []
    for row in rows:
        line = torch.cat(tuple(row), dim=2)
        missing = (widest - len(row)) * row.shape[3]
        lines.append(torch.nn.functional.pad(line, (0, missing), value=1.0))
    pixels = ((torch.cat(lines, dim=1).clamp(-1, 1) + 1) * 127.5).round().byte()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
