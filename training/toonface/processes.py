"""Several processes that train as one (`torchrun`): every process takes its share of the same batch.

All processes draw the same random batch and keep every `world`-th sample of each group; gradients are averaged. A
step is then the step of one process with the whole batch, up to the order in which floats are added.
"""

from __future__ import annotations

import os
from typing import List, Optional, Sequence

import torch
from torch import Tensor, distributed


class Processes:
    """This process among those of the run; alone unless `torchrun` started it."""

    def __init__(self) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if self.world > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    @property
    def first(self) -> bool:
        """True for the process that writes files and prints."""
        return self.rank == 0

    def device(self) -> torch.device:
        """A GPU of its own where there is one."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device

    def check(self, name: str, batch: int) -> None:
        """A batch must come out even."""
        if batch % self.world:
            raise ValueError(f"{name} = {batch} does not divide among {self.world} processes: make it a multiple")

    def share(self, *parts: Tensor) -> Sequence[Tensor]:
        """This process's samples of tensors that hold one group each."""
        return [part[self.rank :: self.world] for part in parts]

    def average(self, gradients: Sequence[Optional[Tensor]]) -> List[Optional[Tensor]]:
        """Gradients averaged over all processes, in one message."""
        if self.world == 1:
            return list(gradients)
        there = [gradient for gradient in gradients if gradient is not None]
        flat = torch.cat([gradient.flatten() for gradient in there])
        distributed.all_reduce(flat)
        parts = iter((flat / self.world).split([gradient.numel() for gradient in there]))
        return [None if gradient is None else next(parts).view_as(gradient) for gradient in gradients]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()
