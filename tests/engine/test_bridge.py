from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from bare_fabric import contents, fabric

from accelsim.engine import fabric as engine_fabric
from accelsim.engine.bridge import Bridge, Process
from accelsim.engine.groups import GroupTable
from accelsim.errors import SimulationError
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k


def bridge_with(*groups: tuple[str, int]) -> Bridge:
    """A bridge over an idle fabric of two nodes, with watched groups of (name, left)."""
    table = GroupTable()
    for name, left in groups:
        table.add(name, left, watched=True)
    return Bridge(fabric(table), table)


def note(bridge: Bridge, log: list[object], entry: object) -> Callable[[], None]:
    return lambda: log.append((entry, bridge.fabric.now))


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_what_actors_hand_in_is_ordered_by_name_and_then_by_their_own_order(order: tuple[str, ...]) -> None:
    bridge = bridge_with(("packet", 1))
    log: list[object] = []

    def actor(name: str) -> Process:
        bridge.submit(name, note(bridge, log, f"{name} first"))
        bridge.submit(name, note(bridge, log, f"{name} second"))
        if name == "b":
            bridge.submit(name, lambda: bridge.fabric.send_control(0, 1, 0, 0))
        yield from bridge.wait(name, 0)
        bridge.submit(name, note(bridge, log, f"{name} third"))

    for name in order:
        bridge.add_actor(name, actor)
    bridge.run()
    at_start = [(f"{name} {turn}", 0) for name in "abc" for turn in ("first", "second")]
    # One flit over two routers of the speculative pipeline: sent at 0, at the sink 2 + 2 * 3 later, seen in 9.
    assert log == at_start + [(f"{name} third", 9) for name in "abc"]


def test_waiting_for_a_complete_group_takes_no_time() -> None:
    bridge = bridge_with(("nothing", 0))
    log: list[object] = []

    def actor(name: str) -> Process:
        yield from bridge.wait(name, 0)
        bridge.submit(name, note(bridge, log, "done"))

    bridge.add_actor("only", actor)
    bridge.run()
    assert log == [("done", 0)]
    assert bridge.fabric.now == 1


def test_an_actor_acts_before_the_fabric_in_its_cycle() -> None:
    """A packet sent in cycle t by an actor is injected in t: the fabric steps t after it."""
    bridge = bridge_with(("first", 1), ("second", 1))

    def actor(name: str) -> Process:
        for group in (0, 1):
            bridge.submit(name, lambda number=group: bridge.fabric.send_control(0, 1, number, 0))  # type: ignore[misc]
            yield from bridge.wait(name, group)

    bridge.add_actor("sender", actor)
    bridge.run()
    packets = bridge.fabric.network.packet
    assert packets[packets[:, n.P_FLITS] > 0][:, [n.P_CREATED, n.P_INJECTED]].tolist() == [[9, 9]]
    assert bridge.fabric.cycles == 9 + 8 + 1


def test_a_name_is_given_once() -> None:
    bridge = bridge_with(("nothing", 0))

    def actor(name: str) -> Process:
        yield from bridge.wait(name, 0)

    bridge.add_actor("dma 1", actor)
    bridge.add_actor("dma 0", actor)
    message = "actor 'dma 1' exists already; actors: ['dma 0', 'dma 1']"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        bridge.add_actor("dma 1", actor)


def test_actor_events_are_counted() -> None:
    bridge = bridge_with(("packet", 1))

    def actor(name: str) -> Process:
        bridge.submit(name, lambda: bridge.fabric.send_control(0, 1, 0, 0))
        yield from bridge.wait(name, 0)

    bridge.add_actor("only", actor)
    bridge.run()
    # Its start, its wake and its end.
    assert bridge.actor_events == 3


def test_a_deadlock_names_who_waits_for_what() -> None:
    """A tile whose weights never come, its sequencer, and a second actor; actors are named in order of their names."""
    table = GroupTable()
    done = table.add("end of a pass of conv at tile 0", 1, watched=True)
    weights = table.add("weights of conv at tile 0", 12)
    rows = table.add("input row of conv at tile 0", 3)
    held = fabric(table, contents(words=[1, 2, 3]))
    bridge = Bridge(held, table)

    def sequencer(name: str) -> Process:
        work = np.zeros(k.PASS_COLUMNS, np.int64)
        work[[k.W_WEIGHTS_GROUP, k.W_ROW_GROUP, k.W_DONE_GROUP]] = weights, rows, done
        work[[k.W_ROW_GROUP_B, k.W_BOX, k.W_BOX_B, k.W_GRANT_GROUP]] = -1
        bridge.submit(name, lambda: held.submit_pass(0, work))
        yield from bridge.wait(name, done)

    def host(name: str) -> Process:
        yield from bridge.wait(name, done)

    bridge.add_actor("sequencer 0", sequencer)
    bridge.add_actor("host", host)
    message = "\n".join(
        [
            "deadlock: nothing moves after cycle 0",
            "  host waits for end of a pass of conv at tile 0 (1 to come)",
            "  sequencer 0 waits for end of a pass of conv at tile 0 (1 to come)",
            "  tile 0 waits for weights of conv at tile 0 (12 to come)",
            "  tile 0 waits for input row of conv at tile 0 (3 to come)",
        ]
    )
    with pytest.raises(SimulationError) as error:
        bridge.run()
    assert str(error.value) == message


def test_a_stuck_network_names_its_flits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that ask for every next cycle though nothing moves: a flit whose output has no credit for ever."""
    monkeypatch.setattr(engine_fabric, "PATIENCE_CYCLES", 50)
    table = GroupTable()
    packet = table.add("packet", 1, watched=True)
    held = fabric(table)
    held.network.port[:, n.CREDIT] = 0
    bridge = Bridge(held, table)

    def actor(name: str) -> Process:
        bridge.submit(name, lambda: held.send_control(0, 1, packet, 0))
        yield from bridge.wait(name, packet)

    bridge.add_actor("sender", actor)
    # The flit reached its router in cycle 2 and won a virtual channel.
    message = "\n".join(
        [
            "deadlock: nothing moves after cycle 2",
            "  sender waits for packet (1 to come)",
            "  router 0, input local, VC 0: 1 flit, the first of packet 0 from node 0 to node 1, "
            "waits for a credit of output +x, VC 0",
        ]
    )
    with pytest.raises(SimulationError) as error:
        bridge.run()
    assert str(error.value) == message
