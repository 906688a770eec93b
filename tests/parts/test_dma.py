from __future__ import annotations

from functools import partial

from bare_fabric import fabric

from accelsim.engine.bridge import Bridge, Process
from accelsim.engine.groups import GroupTable
from accelsim.parts.dma import Load, dma


def test_a_request_leaves_in_the_cycle_after_its_buffer_is_free() -> None:
    groups = GroupTable()
    free = groups.add("room", 1, watched=True)
    asked = [groups.add(f"request {n}", 1, watched=True) for n in range(3)]
    held = fabric(groups)
    bridge = Bridge(held, groups)
    loads = [Load((), 1, asked[0], 0), Load((free,), 1, asked[1], 0), Load((), 1, asked[2], 0)]
    seen: list[int] = []

    def other(name: str) -> Process:
        bridge.submit(name, lambda: held.send_control(1, 0, free, 0))
        for group in asked:
            yield from bridge.wait(name, group)
            seen.append(held.now)

    bridge.add_actor("dma 0", partial(dma, bridge, node=0, loads=loads))
    bridge.add_actor("other", other)
    bridge.run()
    # A packet between the two nodes takes 8 cycles, and is seen in the next. The first request leaves in 0; room is
    # seen in 9, when the second and, behind it, the third leave.
    assert seen == [9, 18, 19]
