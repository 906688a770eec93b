"""Routers that are wrong in one rule each, to see whether a comparison would notice."""

from __future__ import annotations

from collections.abc import Iterable

from network_twin import NetworkTwin, Source
from twin_parts import Islip, OutputVc
from twin_router import Bid, Branch, InputVc, Router


class CreditIgnoredBySpeculation(Router):
    def bids_speculatively(self, branch: Branch) -> bool:
        outputs = self.outputs[branch.route.output]
        return self.shape.speculative and any(not outputs[w].owned for w in branch.route.vcs)


class SpeculationUnconditional(Router):
    def bids_speculatively(self, branch: Branch) -> bool:
        return self.shape.speculative


class SpeculationEqualWithinAnInput(Router):
    def preference(self, i: int, bid: Bid) -> tuple[bool, int]:
        return False, (bid.vc - self.first_vc[i]) % self.vcs


class SpeculationMaskedAtAnOutput(Router):
    def bids(self) -> dict[tuple[int, int], Bid]:
        bids = super().bids()
        taken = {o for (_, o), bid in bids.items() if not bid.speculative}
        return {(i, o): bid for (i, o), bid in bids.items() if not bid.speculative or o not in taken}


class LowestVcWins(Router):
    def preference(self, i: int, bid: Bid) -> tuple[bool, int]:
        return bid.speculative, bid.vc


class OffsetMovesWithTheFlit(Router):
    def move_first_vc(self, i: int, vc: int) -> None:
        pass

    def send(self, now: int, i: int, v: int, branch: Branch) -> None:
        super().send(now, i, v, branch)
        self.first_vc[i] = (v + 1) % self.vcs


class InputPicksOneVcFirst(Router):
    def bids(self) -> dict[tuple[int, int], Bid]:
        bids = super().bids()
        chosen: dict[int, int] = {}
        for (i, o), bid in sorted(bids.items()):
            if i not in chosen or self.preference(i, bid) < self.preference(i, bids[i, chosen[i]]):
                chosen[i] = o
        return {(i, o): bids[i, o] for i, o in chosen.items()}


class BidsWithoutCredit(Router):
    def bids_normally(self, held: InputVc, branch: Branch) -> bool:
        return held.flit_for(branch) is not None


class AsksOnlyForVcsWithCredit(Router):
    def requested_vcs(self, branch: Branch) -> list[int]:
        return [w for w in super().requested_vcs(branch) if self.outputs[branch.route.output][w].has_credit]


class AsksForOneVc(Router):
    def requested_vcs(self, branch: Branch) -> list[int]:
        return super().requested_vcs(branch)[:1]


class SinkWithoutCreditLimit(Router):
    def __init__(self, network: NetworkTwin, number: int) -> None:
        super().__init__(network, number)
        for output in range(network.topology.directions, self.ports):
            self.outputs[output] = [OutputVc(10**9) for _ in range(self.vcs)]


class CreditsLate(Router):
    def return_credit(self, now: int, i: int, v: int) -> None:
        super().return_credit(now + 1, i, v)


class FixedAcceptPointer(Islip):
    def move_pointers(self, requester: int, resource: int) -> None:
        self.grant_pointer[resource] = (requester + 1) % len(self.accept_pointer)


class FixedGrantPointer(Islip):
    def move_pointers(self, requester: int, resource: int) -> None:
        self.accept_pointer[requester] = (resource + 1) % len(self.grant_pointer)


class GrantMovesWithoutAccept(Islip):
    def allocate(self, requests: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        asked = list(requests)
        before = list(self.grant_pointer)
        matched = super().allocate(asked)
        accepted = {resource for _, resource in matched}
        count = len(self.accept_pointer)
        for resource in {resource for _, resource in asked} - accepted:
            winner = min((r for r, o in asked if o == resource), key=lambda r: (r - before[resource]) % count)
            self.grant_pointer[resource] = (winner + 1) % count
        return matched


class SourceTakesLowestVc(Source):
    def choose_vc(self) -> int | None:
        return next((vc for vc, held in enumerate(self.vcs) if held.has_credit), None)


class SourceStartsAtTheLastVc(Source):
    def __init__(self, network: NetworkTwin, node: int, packets: list[int]) -> None:
        super().__init__(network, node, packets)
        self.last_vc = 0


class SourceRests(Source):
    """A cycle between packets."""

    def step(self, now: int) -> None:
        was_sending = self.current is not None
        if was_sending or now % 2 == 0:
            super().step(now)


def mistaken(wrong: type) -> type[NetworkTwin]:
    """A network with a mistaken router, allocator or source."""
    if issubclass(wrong, Islip):
        router = type(f"RouterWith{wrong.__name__}", (Router,), {"allocator": wrong})
        return type(wrong.__name__, (NetworkTwin,), {"router": router})
    return type(wrong.__name__, (NetworkTwin,), {"router" if issubclass(wrong, Router) else "source": wrong})


MISTAKES = [
    CreditIgnoredBySpeculation,
    SpeculationUnconditional,
    SpeculationEqualWithinAnInput,
    SpeculationMaskedAtAnOutput,
    LowestVcWins,
    OffsetMovesWithTheFlit,
    InputPicksOneVcFirst,
    BidsWithoutCredit,
    AsksOnlyForVcsWithCredit,
    AsksForOneVc,
    SinkWithoutCreditLimit,
    CreditsLate,
    FixedAcceptPointer,
    FixedGrantPointer,
    GrantMovesWithoutAccept,
    SourceTakesLowestVc,
    SourceStartsAtTheLastVc,
    SourceRests,
]
