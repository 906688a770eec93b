from __future__ import annotations

import pytest

from accelsim.errors import InputError
from accelsim.parts.noc import NocSettings
from accelsim.rtl.mesh import Mesh
from accelsim.rtl.router import Router
from accelsim.rtl.shape import MeshShape

NOC = {"columns": 3, "rows": 2, "virtual_channels": 2, "buffer_flits": 5, "flit_bits": 32}


def test_a_router_is_made_from_the_settings_of_an_architecture() -> None:
    settings = NocSettings(**NOC)
    assert MeshShape.from_settings(settings) == MeshShape(3, 2, 2, 5, 32)


def test_every_setting_that_the_rtl_has_not_is_named() -> None:
    settings = NocSettings(**NOC, routing_cycles=1, speculative=False, link_cycles=2)
    with pytest.raises(InputError) as raised:
        MeshShape.from_settings(settings)
    assert str(raised.value).splitlines() == [
        "noc.routing_cycles: the RTL has no other router (got 1); allowed: 0",
        "noc.speculative: the RTL has no other router (got False); allowed: True",
        "noc.link_cycles: the RTL has no other router (got 2); allowed: 1",
    ]
    for make in (Mesh.from_settings, lambda settings: Router.from_settings(settings, 0)):
        with pytest.raises(InputError):
            make(settings)


def test_a_shape_has_no_empty_side() -> None:
    with pytest.raises(InputError) as raised:
        MeshShape(0, 1, 0, 1, 1)
    assert str(raised.value).splitlines() == [
        "columns: must be at least 1 (got 0)",
        "virtual_channels: must be at least 1 (got 0)",
    ]
