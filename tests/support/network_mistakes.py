"""Networks that are wrong in one rule each, to see whether a comparison would notice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from network_twin import NetworkTwin, Source
from twin_parts import Islip, OutputVc, Stage
from twin_router import Bid, Branch, InputVc, Router


class CreditIgnoredBySpeculation(Router):
    def bids_speculatively(self, branch: Branch) -> bool:
        outputs = self.outputs[branch.route.output]
        return self.shape.speculative and any(not outputs[w].owned for w in branch.route.vcs)


class SpeculationBlindToClasses(Router):
    def bids_speculatively(self, branch: Branch) -> bool:
        return self.shape.speculative and any(
            vc.has_credit and not vc.owned for vc in self.outputs[branch.route.output]
        )


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


class TraversalIsPipelined(Router):
    def __init__(self, network: NetworkTwin, number: int) -> None:
        super().__init__(network, number)
        self.traversal_stage = PipelinedStage(self.shape.traversal_cycles)


class PipelinedStage(Stage):
    """Takes a batch in every cycle."""

    def __init__(self, cycles: int) -> None:
        super().__init__(cycles)
        self.batches: dict[int, list[Any]] = {}

    def is_free(self, now: int) -> bool:
        return True

    def start(self, now: int, batch: Any) -> None:
        self.batches[now + self.cycles - 1] = batch

    def finished(self, now: int) -> list[Any]:
        return self.batches.pop(now, [])


class SwitchRestsWithoutCredit(Router):
    """A VC that asks for nothing does not keep the stage busy."""

    def wants_switch(self, held: InputVc) -> bool:
        bids = [self.bids_speculatively(b) if b.vc is None else self.bids_normally(held, b) for b in held.branches]
        return any(bids)


class AllocationRestsWithoutFreeVcs(Router):
    """Heads that can ask for nothing do not keep the stage busy."""

    def evaluate_vc_allocation(self, now: int) -> None:
        branches = [branch for _, _, held in self.input_vcs() for branch in held.branches if branch.vc is None]
        if any(self.requested_vcs(branch) for branch in branches):
            super().evaluate_vc_allocation(now)


class TieGoesToTheOtherDimension(Router):
    def credits(self, output: int) -> int:
        return 2 * super().credits(output) + (output >= 2)


class ChoiceOfTheFirstOutput(Router):
    def credits(self, output: int) -> int:
        return 0


class TreesWaitForAllVcs(Router):
    """A branch does not start before the others have their VCs."""

    def bids_normally(self, held: InputVc, branch: Branch) -> bool:
        return all(other.vc is not None for other in held.branches) and super().bids_normally(held, branch)


class CreditsLateAtTheSource(NetworkTwin):
    def connect(self) -> None:
        super().connect()
        for source in self.sources:
            source.credits_in.cycles += self.shape.credit_cycles


class CreditsEarlyFromTheSink(NetworkTwin):
    def connect(self) -> None:
        super().connect()
        for sink in self.sinks:
            sink.credits_out.cycles -= self.shape.credit_cycles


def mistaken(wrong: type) -> type[NetworkTwin]:
    """The network with a mistaken router, allocator or source in it, unless it is one itself."""
    if issubclass(wrong, NetworkTwin):
        return wrong
    if issubclass(wrong, Islip):
        wrong = type(f"RouterWith{wrong.__name__}", (Router,), {"allocator": wrong})
    return type(wrong.__name__, (NetworkTwin,), {"router" if issubclass(wrong, Router) else "source": wrong})


MISTAKES: dict[type, dict[str, Any]] = {
    CreditIgnoredBySpeculation: {},
    SpeculationBlindToClasses: {"topology": "torus", "virtual_channels": 2},
    SpeculationUnconditional: {},
    SpeculationEqualWithinAnInput: {},
    SpeculationMaskedAtAnOutput: {},
    LowestVcWins: {},
    OffsetMovesWithTheFlit: {},
    InputPicksOneVcFirst: {},
    BidsWithoutCredit: {},
    AsksOnlyForVcsWithCredit: {},
    AsksForOneVc: {},
    SinkWithoutCreditLimit: {},
    CreditsLate: {},
    FixedAcceptPointer: {},
    FixedGrantPointer: {},
    GrantMovesWithoutAccept: {},
    SourceTakesLowestVc: {},
    SourceStartsAtTheLastVc: {},
    SourceRests: {},
    TraversalIsPipelined: {"traversal_cycles": 3},
    SwitchRestsWithoutCredit: {"switch_allocation_cycles": 2},
    AllocationRestsWithoutFreeVcs: {"vc_allocation_cycles": 2},
    TieGoesToTheOtherDimension: {"routing": "west_first"},
    ChoiceOfTheFirstOutput: {"routing": "odd_even"},
    TreesWaitForAllVcs: {"trees": True},
    CreditsLateAtTheSource: {"credit_cycles": 2},
    CreditsEarlyFromTheSink: {"credit_cycles": 2},
}
"""Each mistake, and the settings at which it can show."""
