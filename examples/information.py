"""What spikes tell about membranes, packed against conventional neurons, layer by layer of the digits' ResNet-18.

python examples/information.py                              # prints the tables, half a minute
python examples/information.py --update docs/information.md  # writes them into the document
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from document import command, table

from accelsim.reference.causal import causal_network
from accelsim.reference.information import LayerInformation, Told, own_inputs, same_inputs
from accelsim.reference.lif import HALF, IF, LIF, CausalNeuron
from accelsim.reference.model import Model, integer_network
from accelsim.reference.model_file import find_model, read_model

TIMESTEPS = 4
NETWORK = "resnet18_digits"


def shipped(images: int = 10) -> Model:
    """The network with the first of its held-out images."""
    model = read_model(find_model(NETWORK))
    return replace(model, images=model.images[:images], labels=model.labels[:images])


def same(model: Model, neuron: CausalNeuron) -> list[LayerInformation]:
    """Packed and causal neurons on the same input spikes."""
    return same_inputs(integer_network(model, TIMESTEPS), model.images, neuron)


def own(model: Model, neuron: CausalNeuron) -> dict[str, Told]:
    """Causal neurons in their own network."""
    return own_inputs(causal_network(model, TIMESTEPS, neuron), model.images)


def by_layer(leaky: list[LayerInformation], plain: list[LayerInformation]) -> str:
    """The first table: what is lost on the same inputs."""
    of_trains = ["H(train)", "I(U; train)", "lost", "its theta"]
    head = ["layer", "neurons", "packed: H(z) = I(U; z)"]
    for name in ("LIF", "IF"):
        head += [f"{name}: {of_trains[0]}", *of_trains[1:]]
    rows = []
    for first, second in zip(leaky, plain, strict=True):
        cells = [first.layer, f"{first.samples:,}", f"{first.packed.entropy:.2f}"]
        for found in (first, second):
            told = found.causal
            cells += [f"{told.entropy:.2f}", f"{told.about_membrane:.2f}", f"{found.lost:.2f}", f"{told.scale:g} theta"]
        rows.append(cells)
    return table(head, rows)


def by_step(leaky: list[LayerInformation], plain: list[LayerInformation]) -> str:
    """The second table: the mean over the layers of spikes, step by step."""
    of_neurons = {
        "packed": [found.packed for found in leaky[1:]],
        "LIF": [found.causal for found in leaky[1:]],
        "IF": [found.causal for found in plain[1:]],
    }
    rows = []
    for name, told in of_neurons.items():
        means = [sum(each.by_step[step] for each in told) / len(told) for step in range(TIMESTEPS)]
        rows.append([name, *(f"{mean:.2f}" for mean in means)])
    head = [f"I(U; s_1..s_{step})" if step > 1 else "I(U; s_1)" for step in range(1, TIMESTEPS + 1)]
    return table(["neuron", *head], rows)


def in_own_network(found: dict[str, dict[str, Told]]) -> str:
    """The third table: rate-coded networks on what their own layers send."""
    head = ["layer"]
    for name in found:
        head += [f"{name}: H(train)", "I(sum of I_t; train)"]
    rows = []
    for layer in next(iter(found.values())):
        told = [of_neuron[layer] for of_neuron in found.values()]
        rows.append([layer, *(f"{number:.2f}" for each in told for number in (each.entropy, each.about_membrane))])
    return table(head, rows)


def chance(found: Sequence[LayerInformation]) -> str:
    """What the estimator finds where there is nothing."""
    most = max(max(each.packed.chance, each.causal.chance) for each in found)
    return f"With trains dealt out to other neurons at random the estimator finds {most:.3f} bits at most."


def tables(model: Model) -> str:
    """All of them in markdown."""
    leaky, plain = same(model, LIF), same(model, IF)
    half = {"IF": CausalNeuron(initial=HALF), "LIF": replace(LIF, initial=HALF)}
    return "\n\n".join(
        [
            f"**The same input spikes, T = {TIMESTEPS}; bits a neuron**\n\n" + by_layer(leaky, plain),
            chance([*leaky, *plain]),
            f"**How it comes in: mean over the layers that spikes reach, T = {TIMESTEPS}; bits a neuron**\n\n"
            + by_step(leaky, plain),
            f"**Rate-coded networks of their own, T = {TIMESTEPS}, membranes from theta / 2; bits a neuron**\n\n"
            + in_own_network({name: own(model, neuron) for name, neuron in half.items()}),
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    command(__doc__, lambda: tables(shipped()), argv)


if __name__ == "__main__":
    main()
