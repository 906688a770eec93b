from pathlib import Path

import accelsim

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
