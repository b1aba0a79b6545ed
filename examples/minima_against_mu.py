"""The number of minima of several architectures against the exponent of their aging.

    python examples/minima_against_mu.py comparison --hidden 4 8 4,4 --searches 96 --replicas 20 --steps 20000

Writes a folder per architecture (landscape.db, sgd.h5) and comparison.png; `agescape compare` reads the same folders.
"""

import argparse
from pathlib import Path

from bridge import compare
from bridge.plots import plot_comparison
from dynamics import train
from landscape import CrossEntropyLoss, datasets, explore
from landscape.networks import MLP
from landscape.plots import new_figure, save_figure
from landscape.search import estimate_minima


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hidden", nargs="+", default=["4", "8", "4,4"])
    parser.add_argument("--searches", type=int, default=96)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--threshold", type=float, default=1e-2)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()

    data = datasets.ljat(rows=options.rows, seed=0)
    for hidden in options.hidden:
        network = MLP((data.n_features, *map(int, hidden.split(",")), data.n_classes))
        loss = CrossEntropyLoss(network, data, regularization=1e-4)
        folder = options.folder / f"h{hidden.replace(',', '-')}"
        folder.mkdir(parents=True, exist_ok=True)
        explore(loss, folder / "landscape.db", searches=options.searches, jobs=options.jobs)
        estimate_minima(loss, folder / "landscape.db", starts=64, jobs=options.jobs)
        train(loss, replicas=options.replicas, steps=options.steps, path=folder / "sgd.h5", jobs=options.jobs)
    comparison = compare(options.folder, threshold=options.threshold)
    for row in comparison.rows:
        print(
            f"{row.hidden}: {row.minima} minima found, there are at least {row.estimated_minima.low:.0f}, "
            f"mu = {row.mu.value:.2f} [{row.mu.low:.2f}, {row.mu.high:.2f}]"
        )
    figure, (ax,) = new_figure(6, 4)
    plot_comparison(comparison, ax)
    save_figure(figure, options.folder / "comparison.png")


if __name__ == "__main__":
    main()
