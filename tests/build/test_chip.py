from pathlib import Path

from bare_fabric import fabric

import accelsim
from accelsim.engine.fabric import packets_under_way
from accelsim.engine.groups import GroupTable
from accelsim.kernels import network_state as n

ROOT = Path(__file__).parents[2]


def test_actors_may_send_more_requests_than_the_source_queue_has_flits() -> None:
    """At the start every tile asks for all the weights that will stay with it: far more than one flit."""
    trace = accelsim.load_trace(ROOT / "traces" / "resnet18_digits.npz")
    arch = ROOT / "arch_configs" / "spikepack.yaml"

    wide = accelsim.simulate(accelsim.load_arch(arch), trace, verify=True).report
    narrow = accelsim.simulate(accelsim.load_arch(arch, ["network_interface.queue_flits=1"]), trace, verify=True).report

    assert narrow["verified"]["words"] == wide["verified"]["words"]
    assert narrow["noc"]["packets"] == wide["noc"]["packets"]
    assert narrow["total"]["cycles"] > wide["total"]["cycles"]


def test_requests_of_actors_leave_room_for_all_that_tiles_and_memories_send() -> None:
    groups = GroupTable()
    group = groups.add("requests", 1000)
    chip = fabric(groups)
    for _ in range(1000):
        chip.send_control(0, 1, group, 0)
        assert chip.network.scalars[n.FREE_PACKETS] >= packets_under_way(chip.shape)
