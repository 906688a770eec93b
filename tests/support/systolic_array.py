"""A systolic array, register by register: what it computes, and in which cycle.

It knows no closed form. Operands, weights and sums move one register a cycle; a fold ends when its last sum is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]


@dataclass
class Run:
    """A product of matrices: its value, the cycles of the array, and when rows of the product were complete."""

    product: Matrix
    cycles: int = 0
    finished: list[tuple[int, int]] = field(default_factory=list)
    """(cycle after which it is complete, row) in the order in which they leave."""


def weight_stationary(vectors: Matrix, weights: Matrix, rows: int, columns: int) -> Run:
    """vectors [M, K] times weights [K, N]; N at most `columns`."""
    return _hold(weights, vectors, rows, columns)


def input_stationary(vectors: Matrix, weights: Matrix, rows: int, columns: int) -> Run:
    """vectors [M, K] times weights [K, N]."""
    turned = _hold(np.ascontiguousarray(vectors.T), np.ascontiguousarray(weights.T), rows, columns)
    outs = weights.shape[1]
    ends = [cycle for cycle, out in turned.finished if out == outs - 1]
    finished = [(ends[vector // columns], vector) for vector in range(len(vectors))]
    return Run(turned.product.T, turned.cycles, finished)


def _hold(held: Matrix, moving: Matrix, rows: int, columns: int) -> Run:
    """moving [T, K] times held [K, S]: `rows` x `columns` of `held` lie in the array while `moving` passes."""
    run = Run(np.zeros((len(moving), held.shape[1]), np.int64))
    for first_column in range(0, held.shape[1], columns):
        for first_row in range(0, len(held), rows):
            block = held[first_row : first_row + rows, first_column : first_column + columns]
            fold = np.zeros((rows, columns), np.int64)
            fold[: block.shape[0], : block.shape[1]] = block
            entering = np.zeros((len(moving), rows), np.int64)
            entering[:, : len(block)] = moving[:, first_row : first_row + rows]
            for index, sums in _stream(fold, entering, run):
                run.product[index, first_column : first_column + columns] += sums[: block.shape[1]]
                if first_row + rows >= len(held):
                    run.finished.append((run.cycles, index))
    return run


def _stream(fold: Matrix, entering: Matrix, run: Run):  # type: ignore[no-untyped-def]
    """Cycle after cycle of one fold: yields (index of the moving vector, its sums) as they leave."""
    rows, columns = fold.shape
    held = np.zeros_like(fold)
    for line in fold[::-1]:
        held[1:] = held[:-1].copy()
        held[0] = line
        run.cycles += 1
    operands = np.zeros_like(fold)
    sums = np.zeros_like(fold)
    tags = np.full((rows, columns), -1)
    late = [[(-1, 0)] * (columns - 1 - column) for column in range(columns)]
    now = 0
    while True:
        for matrix in (operands, tags):
            matrix[:, 1:] = matrix[:, :-1].copy()
        for row in range(rows):
            index = now - row
            inside = 0 <= index < len(entering)
            operands[row, 0] = entering[index, row] if inside else 0
            tags[row, 0] = index if inside else -1
        sums[1:] = sums[:-1].copy()
        sums[0] = 0
        sums += operands * held
        for column, line in enumerate(late):
            line.append((tags[-1, column], sums[-1, column]))
        leaving = [line.pop(0) for line in late]
        run.cycles += 1
        now += 1
        indices = {int(index) for index, _ in leaving}
        assert len(indices) == 1, "the columns' sums of one vector meet at the edge"
        (index,) = indices
        if index >= 0:
            yield index, np.array([value for _, value in leaving])
        if index == len(entering) - 1:
            return


def output_stationary(vectors: Matrix, weights: Matrix, rows: int, columns: int) -> Run:
    """vectors [M, K] times weights [K, N]; N at most `columns`."""
    inputs, outs = weights.shape
    run = Run(np.zeros((len(vectors), outs), np.int64))
    for first in range(0, len(vectors), rows):
        taken = vectors[first : first + rows]
        operands, sums, passing = (np.zeros((rows, columns), np.int64) for _ in range(3))
        tags = np.full((rows, columns), -1)
        now = 0
        while tags[-1, -1] < inputs - 1:
            for matrix in (operands, tags):
                matrix[:, 1:] = matrix[:, :-1].copy()
            passing[1:] = passing[:-1].copy()
            for row in range(rows):
                index = now - row
                inside = 0 <= index < inputs
                operands[row, 0] = taken[row, index] if inside and row < len(taken) else 0
                tags[row, 0] = index if inside else -1
            for column in range(columns):
                index = now - column
                passing[0, column] = weights[index, column] if 0 <= index < inputs and column < outs else 0
            sums += operands * passing
            run.cycles += 1
            now += 1
        run.product[first : first + rows] = sums[: len(taken), :outs]
        run.finished += [(run.cycles, first + row) for row in range(len(taken))]
    return run
