"""What all trainings share: steps of an optimiser at a rate that rises and falls once, and shifted pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class OneCycle:
    """An optimiser whose learning rate climbs to `largest` and falls again in `steps` steps (Smith and Topin,
    arXiv 1708.07120). `options` are those of torch's OneCycleLR.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, largest: float, steps: int, **options: Any) -> None:
        self._optimiser = optimiser
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, largest, steps, **options)

    def step(self, loss: Tensor) -> None:
        """Move the parameters against the gradient of a loss."""
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._schedule.step()


def shifted(images: Tensor, largest: int, generator: torch.Generator) -> Tensor:
    """Images [n, channels, rows, columns], all moved alike by up to `largest` pixels each way, zeros coming in."""
    rows, columns = images.shape[2:]
    row, column = torch.randint(0, 2 * largest + 1, (2,), generator=generator).tolist()
    return functional.pad(images, (largest,) * 4)[:, :, row : row + rows, column : column + columns]
