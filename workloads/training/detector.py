"""A small anchor-free detector: its network, what it is trained to answer, and boxes from its answers.

Every cell of a grid answers class scores and the distances from its centre to the four sides of a box (FCOS, Tian et
al., ICCV 2019), scores being trained as heat maps that peak at the centres of boxes (CenterNet, Zhou et al.,
arXiv 1904.07850).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from convolution import Convolution
from metrics import box_iou
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 4
"""Pixels between the centres of neighbouring cells, and the unit of the distances."""

WIDTHS = (16, 32, 48, 64)
CLASSES = 10

SPREAD = 0.36
"""Standard deviation of a heat map's peak, as a share of half the box's side; an estimate."""

REACH = 1.5
"""Cells from a box's centre within which its distances are trained."""

LEAST_SCORE = 0.05
LARGEST_SHARED = 0.4
"""Boxes of one class with a larger intersection over union are one object."""

Floats = NDArray[np.floating]


class Detector(nn.Module):
    """Backbone to an eighth of the picture, which joins what a quarter of it shows; two heads without activation.

    Input [n, 1, rows, columns] in 0..1; answers `classes` [n, 10, rows / 4, columns / 4] (logits) and `boxes`
    [n, 4, rows / 4, columns / 4] (distances to left, top, right and bottom in units of `STRIDE`).
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        self.fine = nn.Sequential(
            Convolution(1, first, stride=2),
            Convolution(first, second, stride=2),
            Convolution(second, third),
            Convolution(third, third),
        )
        self.coarse = nn.Sequential(
            Convolution(third, fourth, stride=2), Convolution(fourth, fourth), Convolution(fourth, third, kernel=1)
        )
        self.join = nn.Sequential(Convolution(2 * third, third, kernel=1), Convolution(third, third))
        self.classes = nn.Conv2d(third, CLASSES, 1)
        self.boxes = nn.Conv2d(third, 4, 1)
        nn.init.constant_(self.classes.bias, -4.0)
        nn.init.constant_(self.boxes.bias, 2.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(x)
        coarse = functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        joined = self.join(torch.cat([fine, coarse], dim=1))
        return self.classes(joined), self.boxes(joined)


def centres(rows: int, columns: int) -> NDArray[np.float32]:
    """(x, y) of the centres of the cells, in pixels: [rows, columns, 2]."""
    y, x = np.mgrid[:rows, :columns]
    return (STRIDE * (np.stack([x, y], axis=-1) + 0.5)).astype(np.float32)


def targets(
    boxes: Sequence[NDArray[np.integer]], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What cells should answer: heat [n, 10, rows, columns] in 0..1, distances [n, 4, rows, columns] in units of
    `STRIDE`, and `weight` [n, rows, columns], 1 where distances are trained.

    `boxes`: per scene [m, 5], each (class 1 to 10, x0, y0, x1, y1). Heat is exactly 1 in the cell of a centre alone.
    A cell within reach of several centres belongs to the nearest.
    """
    grid = centres(rows, columns)
    heat = np.zeros((len(boxes), CLASSES, rows, columns), dtype=np.float32)
    distances = np.zeros((len(boxes), 4, rows, columns), dtype=np.float32)
    weight = np.zeros((len(boxes), rows, columns), dtype=np.float32)
    for scene, known in enumerate(boxes):
        nearest = np.full((rows, columns), REACH * STRIDE)
        for label, x0, y0, x1, y1 in known.tolist():
            middle, half = np.array([x0 + x1, y0 + y1]) / 2, np.array([x1 - x0, y1 - y0]) / 2
            column, row = (int(c // STRIDE) for c in middle)
            offset = (grid - grid[row, column]) / (SPREAD * half)
            bell = np.exp(-0.5 * (offset**2).sum(axis=-1))
            heat[scene, label - 1] = np.maximum(heat[scene, label - 1], bell)
            away = np.abs(grid - middle).max(axis=-1)
            mine = away < nearest
            nearest[mine] = away[mine]
            weight[scene][mine] = 1
            sides = np.concatenate([grid - (x0, y0), (x1, y1) - grid], axis=-1)[mine] / STRIDE
            distances[scene][:, mine] = sides.T
    return heat, distances, weight


def loss(classes: Tensor, boxes: Tensor, heat: Tensor, distances: Tensor, weight: Tensor) -> Tensor:
    """CenterNet's focal loss of the scores plus the mean generalised-IoU loss of the distances that are trained."""
    peak = heat == 1
    hit, miss = functional.logsigmoid(classes), functional.logsigmoid(-classes)
    found = hit * miss.exp() ** 2
    rest = (1 - heat) ** 4 * miss * hit.exp() ** 2
    scores = -torch.where(peak, found, rest).sum() / peak.sum().clamp(min=1)
    return scores + (giou_loss(boxes, distances) * weight).sum() / weight.sum().clamp(min=1)


def giou_loss(answer: Tensor, truth: Tensor) -> Tensor:
    """1 - generalised IoU (Rezatofighi et al., CVPR 2019) of boxes around one point: [n, ...] of distances [n, 4, ...].

    Where a distance is answered below zero, an L1 term brings it back.
    """
    inside = answer.clamp(min=0)
    smaller, larger = torch.minimum(inside, truth), torch.maximum(inside, truth)
    area = (inside[:, 0] + inside[:, 2]) * (inside[:, 1] + inside[:, 3])
    true_area = (truth[:, 0] + truth[:, 2]) * (truth[:, 1] + truth[:, 3])
    shared = ((smaller[:, 0] + smaller[:, 2]) * (smaller[:, 1] + smaller[:, 3])).clamp(min=0)
    hull = (larger[:, 0] + larger[:, 2]) * (larger[:, 1] + larger[:, 3])
    union = area + true_area - shared
    giou = shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    return 1 - giou + (inside - answer).sum(dim=1)


def decode(classes: Floats, boxes: Floats) -> NDArray[np.float64]:
    """Detections of one scene, float64 [found, 6]: (class 1 to 10, score, x0, y0, x1, y1), best first.

    `classes` [10, rows, columns] and `boxes` [4, rows, columns] are the network's answers. Of boxes that
    overlap, the best of each class remains.
    """
    scores = 1 / (1 + np.exp(-np.asarray(classes, dtype=np.float64)))
    label, row, column = np.nonzero(scores > LEAST_SCORE)
    centre = centres(*scores.shape[1:])[row, column].astype(np.float64)
    sides = STRIDE * np.maximum(np.asarray(boxes, dtype=np.float64)[:, row, column], 0)
    found = np.column_stack([label + 1, scores[label, row, column], centre - sides[:2].T, centre + sides[2:].T])
    found = found[np.argsort(-found[:, 1], kind="stable")]
    return found[best_of_overlapping(found)]


def best_of_overlapping(found: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the detections [found, 6], best first, that overlap none of the better ones of their class."""
    shared = box_iou(found[:, 2:], found[:, 2:])
    shared[found[:, :1] != found[None, :, 0]] = 0
    kept: list[int] = []
    for candidate in range(len(found)):
        if not kept or shared[candidate, kept].max() <= LARGEST_SHARED:
            kept.append(candidate)
    return np.array(kept, dtype=np.int64)
