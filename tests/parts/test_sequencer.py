from __future__ import annotations

from functools import partial

import numpy as np
from bare_fabric import contents, fabric
from tile_driver import make_pass, sparse

from accelsim.engine.bridge import Bridge
from accelsim.engine.groups import GroupTable
from accelsim.kernels import network_state as n
from accelsim.parts.sequencer import Command, Grant, sequencer


def test_two_passes_are_under_way_and_the_next_follows_a_cycle_after_an_end() -> None:
    words = sparse(8, 0)
    groups = GroupTable()
    room = groups.add("room", 1)
    ends = [groups.add("end of a pass", 1, watched=True) for _ in range(5)]
    commands = [Command(make_pass(words.shape, W_DONE_GROUP=end), end) for end in ends]
    commands[0].grants.append(Grant(1, room, 0))
    held = fabric(groups, contents(words.ravel().tolist()))
    submitted: list[int] = []
    submit = held.submit_pass

    def noted(tile: int, work: np.ndarray) -> None:
        submitted.append(held.now)
        submit(tile, work)

    held.submit_pass = noted  # type: ignore[method-assign]
    ended: list[int] = []
    bridge = Bridge(held, groups)
    process = partial(
        sequencer, bridge, tile=0, node=0, commands=commands, ended=lambda command: ended.append(held.now)
    )
    bridge.add_actor("sequencer 0", process)
    bridge.run()
    # Each pass opens, reads two cycles later, and its last pixel leaves the array in 4, 7, 10, ...: three cycles apart,
    # as with all passes submitted at once.
    assert ended == [5, 8, 11, 14, 17]
    assert submitted == [0, 0, 5, 8, 11]
    (packet,) = held.network.packet[held.network.packet[:, n.P_FLITS] > 0]
    assert packet[[n.P_SOURCE, n.P_TARGET, n.P_FLITS, n.P_CREATED, n.P_INJECTED]].tolist() == [0, 1, 1, 5, 5]
    assert held.is_complete(room)
