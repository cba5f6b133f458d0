"""Takes the tensors out of a file of torch.save, and runs nothing that is in it.

    python -m toonface.tensors_only photo2cartoon_weights.pt --out photo2cartoon.safetensors [--network genA2B]

A `.pt` file is a pickle, which may run any code when it is read. `torch.load(weights_only=True)` builds tensors and plain
containers and refuses everything else; a torch without that argument is refused here. What is written has the official names,
as the plugin's example `import_checkpoint` reads them:

    cargo run --release --example import_checkpoint -- photo2cartoon.safetensors --image-size 256 --out DIR
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from safetensors.torch import save_file
from torch import Tensor

# The network that draws cartoons, in files that hold a whole training.
NETWORK = "genA2B"


def load(path: Path) -> Any:
    """Tensors and containers of a file; ValueError for anything else in it, before it is run."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except TypeError as error:
        raise ValueError("this torch has no weights_only: use 1.13 or later") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} holds more than tensors, or is damaged: {reason}") from error


def networks(content: Dict[str, Any]) -> List[str]:
    """Keys under which there are tensors by name."""
    return [key for key, value in content.items() if isinstance(value, dict) and any(map(torch.is_tensor, value.values()))]


def tensors(content: Any, network: Optional[str] = None) -> Dict[str, Tensor]:
    """Tensors by name: those of `network`, else the only ones there are, else those of `genA2B`."""
    if not isinstance(content, dict):
        raise ValueError(f"expected tensors by name, found {type(content).__name__}")
    if network is None and not any(map(torch.is_tensor, content.values())):
        there = networks(content)
        network = NETWORK if NETWORK in there else there[0] if len(there) == 1 else None
        if network is None:
            raise ValueError(f"choose one with --network: {', '.join(there) or 'there are none'}")
    if network is not None:
        if network not in networks(content):
            raise ValueError(f"there is no network {network}; there are {', '.join(networks(content)) or 'none'}")
        content = content[network]
    found = {name: value for name, value in content.items() if torch.is_tensor(value)}
    # What is not f16 or f32 is no weight of ours; copies, because tensors may share memory.
    return {name: value.detach().float().contiguous().clone() for name, value in found.items() if value.is_floating_point()}


def main(arguments: Optional[List[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="a .pt file")
    parser.add_argument("--network", help="which of several networks; genA2B unless told")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    options = parser.parse_args(arguments)
    try:
        found = tensors(load(options.checkpoint), options.network)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    save_file(found, options.out)
    print(f"{len(found)} tensors, {sum(value.numel() for value in found.values()):,} values")


if __name__ == "__main__":
    main()
