"""The minima whose basins SGD visits, drawn on the disconnectivity graph.

    python examples/visits.py visits --hidden 4,4 --searches 96 --replicas 20 --steps 20000

Writes landscape.db, sgd.h5 and visits.png to the folder; call it again with larger numbers to continue.
"""

import argparse
from pathlib import Path

from bridge import inherent_structures, visits
from bridge.plots import plot_visits
from dynamics import train
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.networks import MLP
from landscape.plots import new_figure, save_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", default="4,4")
    parser.add_argument("--searches", type=int, default=96)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    folder, jobs = options.folder, options.jobs
    folder.mkdir(parents=True, exist_ok=True)

    data = datasets.ljat(rows=options.rows, seed=0)
    network = MLP((data.n_features, *map(int, options.hidden.split(",")), data.n_classes))
    loss = CrossEntropyLoss(network, data, regularization=1e-4)
    explore(loss, folder / "landscape.db", searches=options.searches, jobs=jobs)
    runs = train(loss, replicas=options.replicas, steps=options.steps, path=folder / "sgd.h5", jobs=jobs)
    figure, (ax,) = new_figure(7, 5)
    with Database(folder / "landscape.db") as database:
        structures = inherent_structures(runs, database, jobs=jobs)  # quenches every snapshot, keeps what is new
        seen = visits(structures, database)
        plot_visits(database, seen, ax)
        print(f"{structures.mapped} snapshots lie in the basins of {len(seen.minimum_ids)} minima,")
        print(f"{len(structures.new_ids)} of which no search had found; {seen.jumps.sum()} jumps between basins")
    save_figure(figure, folder / "visits.png")


if __name__ == "__main__":
    main()
