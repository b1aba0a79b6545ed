"""Where is SGD? The minima that runs visit, how long they stay, and over which transition states they leave."""

from bridge import dwells, inherent_structures, jumps
from bridge.plots import plot_overlay
from bridge.residence import occupation, run_path
from dynamics import train
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.networks import MLP
from landscape.plots import save_figure

HIDDEN = (4, 4)
ROWS, SEARCHES, REPLICAS, STEPS, JOBS = 200, 48, 4, 20_000, 2


def main() -> None:
    data = datasets.ljat(rows=ROWS, seed=0)
    loss = CrossEntropyLoss(MLP((data.n_features, *HIDDEN, data.n_classes)), data)
    explore(loss, "landscape.db", searches=SEARCHES, jobs=JOBS)
    runs = train(loss, replicas=REPLICAS, steps=STEPS, jobs=JOBS)
    with Database("landscape.db") as database:
        structures = inherent_structures(runs, database, steps=runs.steps[::20], jobs=JOBS)
        stays, hops = dwells(structures), jumps(structures, database)
        visits = occupation(stays, database, runs=[0])
        figure = plot_overlay(database, [visits], paths=[run_path(stays, hops, run=0)])
    save_figure(figure, "run0.png")
    print(f"{hops.runs.size} jumps, {hops.direct} of them over a known transition state")


if __name__ == "__main__":
    main()
