"""iSLIP: who gets which resource, when many ask for many."""

from __future__ import annotations

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.arbiter import Arbiter


class Allocator(wiring.Component):
    """One iteration of iSLIP (McKeown 1999) of `requesters` over `resources`, in one cycle.

    Reads for each requester the set of resources that it asks for, `requests`. Every resource grants one requester;
    every requester accepts one of its grants, one-hot in `accepted`; `taken` is the set of resources accepted. Pointers
    of both move behind an accepted pair, and only then.
    """

    def __init__(self, requesters: int, resources: int) -> None:
        self.requesters = requesters
        self.resources = resources
        super().__init__(
            {
                "requests": In(resources).array(requesters),
                "accepted": Out(resources).array(requesters),
                "taken": Out(resources),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        grants = [Arbiter(self.requesters) for _ in range(self.resources)]
        accepts = [Arbiter(self.resources) for _ in range(self.requesters)]
        for resource, grant in enumerate(grants):
            m.submodules[f"grant{resource}"] = grant
            m.d.comb += [
                grant.requests.eq(Cat(requests[resource] for requests in self.requests)),
                self.taken[resource].eq(Cat(accepted[resource] for accepted in self.accepted).any()),
                grant.advance.eq(self.taken[resource]),
            ]
        for requester, accept in enumerate(accepts):
            m.submodules[f"accept{requester}"] = accept
            m.d.comb += [
                accept.requests.eq(Cat(grant.grant[requester] for grant in grants)),
                accept.advance.eq(accept.grant.any()),
                self.accepted[requester].eq(accept.grant),
            ]
        return m
