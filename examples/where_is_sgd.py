"""Where is SGD? The minima that runs visit, how long they stay, and over which transition states they leave.

    python examples/where_is_sgd.py where --hidden 4,4 --searches 48 --replicas 4

Writes landscape.db and run0.png, the path of the first run, to the folder.
"""

import argparse
from pathlib import Path

from bridge import dwells, inherent_structures, jumps
from bridge.plots import plot_overlay
from bridge.residence import occupation, run_path
from dynamics import train
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.networks import MLP
from landscape.plots import save_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", default="4,4")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--searches", type=int, default=48)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    folder, jobs = options.folder, options.jobs
    folder.mkdir(parents=True, exist_ok=True)

    data = datasets.ljat(rows=options.rows, seed=0)
    layers = (data.n_features, *map(int, options.hidden.split(",")), data.n_classes)
    loss = CrossEntropyLoss(MLP(layers), data)
    explore(loss, folder / "landscape.db", searches=options.searches, jobs=jobs)
    runs = train(loss, replicas=options.replicas, steps=options.steps, jobs=jobs)
    with Database(folder / "landscape.db") as database:
        structures = inherent_structures(runs, database, steps=runs.steps[::20], jobs=jobs)
        stays, hops = dwells(structures), jumps(structures, database)
        visits = occupation(stays, database, runs=[0])
        figure = plot_overlay(database, [visits], paths=[run_path(stays, hops, run=0)])
    save_figure(figure, folder / "run0.png")
    print(f"{hops.runs.size} jumps, {hops.direct} of them over a known transition state")


if __name__ == "__main__":
    main()
