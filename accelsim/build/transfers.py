"""Transfers from DRAM: what is read once and sent to every tile that asked for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.build.layout import Place
from accelsim.build.routes import TreeTable
from accelsim.engine.groups import GroupTable
from accelsim.kernels import state as k

Words = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Transfers that start together, in order, when every tile that reads them has asked: one channel serves them."""

    trigger: int
    """The group that requests count down."""
    channel: int
    transfers: tuple[int, ...]


class TransferTable:
    """Collects the transfers of a run. A bundle that several tiles read is made once, and found again by its key."""

    def __init__(self, groups: GroupTable, channel_of: Callable[[int, int], int]) -> None:
        """`channel_of`: the channel by which a kind of data comes from the memory behind a controller."""
        self._groups = groups
        self._channel_of = channel_of
        self._rows: list[list[int]] = []
        self._urgency: list[tuple[int, int]] = []
        self._destinations: list[list[tuple[int, int]]] = []
        self._bundles: dict[Hashable, Bundle] = {}

    def bundle(
        self, key: Hashable, name: str, layer: int, turn: int, kind: int, places: Sequence[Place], size: int
    ) -> Bundle:
        """The bundle of `key`: a transfer of `size` bytes from each of some places behind one controller.

        It is the `turn`-th that its readers need in the layer.
        """
        if key in self._bundles:
            return self._bundles[key]
        channel = self._channel_of(kind, places[0].controller)
        first = len(self._rows)
        row = [0] * k.TRANSFER_COLUMNS
        row[k.D_CHANNEL], row[k.D_BYTES], row[k.D_LAYER], row[k.D_KIND] = channel, size, layer, kind
        for place in places:
            row[k.D_ADDRESS] = place.address
            self._rows.append(row.copy())
        self._urgency += [(layer, turn)] * len(places)
        self._destinations += [[] for _ in places]
        trigger = self._groups.add_chain(name, range(first, len(self._rows)))
        self._groups.left[trigger] = 0
        bundle = self._bundles[key] = Bundle(trigger, channel, tuple(range(first, len(self._rows))))
        return bundle

    def add_reader(self, bundle: Bundle, node: int, groups: Sequence[int]) -> None:
        """Send the bundle to a node too, counting down a group a transfer; it waits for one request more."""
        self._groups.left[bundle.trigger] += 1
        for transfer, group in zip(bundle.transfers, groups, strict=True):
            self._destinations[transfer].append((node, group))

    def finish(self, trees: TreeTable, controllers: Sequence[int] | None) -> tuple[Words, Words]:
        """The tables of transfers and of destinations, those of the trees first.

        With `controllers`, the nodes of the channels, what several tiles read goes to them by a tree.

        Channels serve the lowest number first. Transfers are numbered by layer and turn, so that what is needed
        first is read first, and no tile's many loads stand before another's few.
        """
        order = sorted(range(len(self._rows)), key=lambda transfer: (self._urgency[transfer], transfer))
        renumbered = {old: new for new, old in enumerate(order)}
        for group, transfer in enumerate(self._groups.fires):
            if transfer >= 0:
                self._groups.fires[group] = renumbered[transfer]
        destinations = list(trees.members)
        for old in order:
            row = self._rows[old]
            nodes = [node for node, _ in self._destinations[old]]
            row[k.D_FIRST] = len(destinations)
            row[k.D_COUNT] = len(nodes)
            if controllers is not None and 1 < len(nodes) == len(set(nodes)):
                row[k.D_TREE] = trees.target(controllers[row[k.D_CHANNEL]], nodes)
            destinations += self._destinations[old]
        rows = [self._rows[old] for old in order]
        return table(rows, k.TRANSFER_COLUMNS), table(destinations, 2)


def table(rows: Sequence[Sequence[int]], columns: int) -> Words:
    """Rows as an array, with the right number of columns even where there are none."""
    return np.array(rows, np.int64).reshape(-1, columns)
