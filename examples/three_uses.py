"""Three uses: a landscape, where SGD is in it, and the number of minima against mu. Figures go to this folder."""

from bridge import compare, inherent_structures, visits
from bridge.plots import new_figure, plot_comparison, plot_graph, plot_visits
from dynamics import aging, mean_square_displacement, train
from landscape import MLP, CrossEntropyLoss, Database, datasets, explore
from landscape.plots import save_figure

HIDDEN = [(4,), (8,), (4, 4)]
ROWS, SEARCHES, REPLICAS, STEPS, JOBS = 200, 48, 10, 20_000, 2


def main() -> None:
    data = datasets.ljat(rows=ROWS, seed=0)
    for hidden in HIDDEN:
        network = MLP((data.n_features, *hidden, data.n_classes))
        folder = "h" + "-".join(map(str, hidden))

        loss = CrossEntropyLoss(network, data, regularization=1e-4)
        found = explore(loss, f"{folder}/landscape.db", searches=SEARCHES, jobs=JOBS)
        runs = train(network, data, replicas=REPLICAS, steps=STEPS, path=f"{folder}/sgd.h5", jobs=JOBS)
        figure, (left, right) = new_figure(11, 5, columns=2)
        with Database(found.path) as database:
            # 1. the disconnectivity graph of minima and transition states
            plot_graph(database, left)
            # 2. the minima in whose basins snapshots of SGD lie, on the same graph
            seen = visits(inherent_structures(runs, database, jobs=JOBS), database)
            plot_visits(seen, database, right)
        save_figure(figure, f"{folder}.png")
        mu = aging(mean_square_displacement(runs), threshold=1e-2).mu
        print(f"{hidden}: {found.minima} minima, {found.transition_states} transition states, mu = {mu:.2f}")
        print(f"{hidden}: {len(seen.minimum_ids)} minima visited, {seen.jumps.sum()} jumps")

    # 3. the number of minima of all networks in this folder against mu
    figure, (ax,) = new_figure(6, 4)
    plot_comparison(compare("."), ax)
    save_figure(figure, "comparison.png")


if __name__ == "__main__":
    main()
