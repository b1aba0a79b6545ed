"""Disconnectivity graphs of any landscapes, side by side: databases, folders and files of other programs.

    python examples/beside.py figure.svg lj38 examples/landscape-5-5

Prints how funneled each is, on the scale of its own energies.
"""

import argparse
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from landscape import disconnectivity_tree
from landscape.graph import funnelling, visible_top
from landscape.interchange import KineticNetwork, read_network
from landscape.plots import draw_panels, plot_disconnectivity, save_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("landscapes", type=Path, nargs="+")
    options = parser.parse_args()
    networks = {path.stem: read_network(path) for path in options.landscapes}
    panels = {name: partial(draw, name, network) for name, network in networks.items()}
    save_figure(draw_panels(panels, columns=len(panels), panel=(4.5, 4.5)), options.output)
    for name, network in networks.items():
        print(f"{name}: {describe(network)}")


def draw(name: str, network: KineticNetwork, ax: Axes) -> None:
    graph = network.graph
    plot_disconnectivity(disconnectivity_tree(graph, emax=visible_top(graph), connected=True), ax)
    ax.set(title=name, ylabel="energy")


def describe(network: KineticNetwork) -> str:
    graph, funnels = network.graph, funnelling(network.graph)
    return (
        f"{graph.n_minima} minima, {graph.n_transition_states} transition states; {funnels.connected_share:.0%} of the "
        f"{funnels.connected} minima connected to the lowest reach it by small climbs, "
        f"frustration {funnels.frustration:.2f}"
    )


if __name__ == "__main__":
    main()
