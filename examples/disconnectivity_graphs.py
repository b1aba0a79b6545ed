"""The disconnectivity graph of several architectures, side by side.

    python examples/disconnectivity_graphs.py graphs --hidden 4 8 4,4 --searches 96

Writes one database per architecture and graphs.png to the folder; call it again with more searches to continue.
"""

import argparse
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from bridge.plots import plot_graph
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.graph import funnelling, visible_tree
from landscape.networks import MLP
from landscape.plots import draw_panels, save_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", nargs="+", default=["4", "8", "4,4"])
    parser.add_argument("--searches", type=int, default=96)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    data = datasets.ljat(rows=options.rows, seed=0)

    def draw(hidden: str, ax: Axes) -> None:
        network = MLP((data.n_features, *map(int, hidden.split(",")), data.n_classes))
        loss = CrossEntropyLoss(network, data, regularization=1e-4)
        path = options.folder / f"h{hidden.replace(',', '-')}.db"
        found = explore(loss, path, searches=options.searches, jobs=options.jobs)
        with Database(path) as database:
            share = funnelling(database.graph()).share
            plot_graph(visible_tree(database.graph()), ax)
        ax.set_title(f"{hidden}: {ax.get_title()}")
        print(
            f"{hidden}: {found.minima} minima, {found.transition_states} transition states, "
            f"{found.components} components, share in the funnel {share:.2f}"
        )

    panels = {hidden: partial(draw, hidden) for hidden in options.hidden}
    save_figure(draw_panels(panels, columns=len(panels), panel=(4.5, 4.5)), options.folder / "graphs.png")


if __name__ == "__main__":
    main()
