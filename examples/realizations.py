"""Is it the data or the depth? mu of several architectures on the same realizations of the data set.

    for h in 10 5,5 4,4,4; do agescape train --hidden $h --replicas 40 --dataset-seeds 8 --output runs/h$h.h5; done
    python examples/realizations.py runs results 10 5,5 4,4,4

Makes results/realizations.json and results/realizations.png. The two-way table (realization x architecture) gives the
variance of each factor and of what is left, all by the usual sums of squares of a balanced table.
"""

import argparse
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from dynamics import load_trajectories, mean_square_displacement
from dynamics.aging_times import compare_realizations
from dynamics.plots import COLORS, plot_spread
from landscape.plots import draw_panels, save_figure
from landscape.support import in_numbers, to_json, write_text


def two_way(values):
    """Variance components of the table `values` (D, A): realization, architecture, rest."""
    data, architectures = values.shape
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    rest = values - rows[:, None] - columns + values.mean()
    residual = (rest**2).sum() / ((data - 1) * (architectures - 1))
    between = architectures * rows.var(ddof=1), data * columns.var(ddof=1)
    parts = [max((square - residual) / n, 0.0) for square, n in zip(between, (architectures, data), strict=True)]
    return {"sd_realization": parts[0] ** 0.5, "sd_architecture": parts[1] ** 0.5, "sd_rest": residual**0.5}


def describe(spread):
    """Numbers of one architecture, rounded."""
    each, names = spread.each, ("sd", "standard_error", "within_sd", "between_sd")
    alone = in_numbers({"mean": spread.mean}) | {name: getattr(spread, name) for name in names}
    rows = {"values": each.value, "low": each.low, "high": each.high, "run_sd": spread.run_sd}
    rounded = {name: round(value, 4) for name, value in alone.items()}
    return rounded | {name: np.round(values, 4).tolist() for name, values in rows.items()}


def compare(results, name):
    """Two-way table, and differences of architectures on the same data with their standard errors."""
    values = {hidden: getattr(result, name).values for hidden, result in results.items()}
    table = {key: round(value, 4) for key, value in two_way(np.array(list(values.values())).T).items()}
    for a, b in combinations(values, 2):
        change = values[b] - values[a]
        table[f"{b} - {a}"] = np.round([change.mean(), change.std(ddof=1) / len(change) ** 0.5], 4).tolist()
    return table


def main():
    """Read the ensembles, write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("hidden", nargs="+")
    arguments = parser.parse_args()
    results = {}
    for hidden in arguments.hidden:
        files = sorted(arguments.runs.glob(f"h{hidden}-seed*.h5"))
        results[hidden] = compare_realizations([mean_square_displacement(load_trajectories(file)) for file in files])
    said = {
        name: {hidden: describe(getattr(result, name)) for hidden, result in results.items()}
        | {"together": compare(results, name)}
        for name in ("mu", "later_mu")
    }
    said |= {"from_waiting_time": next(iter(results.values())).from_waiting_time}
    write_text(arguments.output / "realizations.json", to_json(said) + "\n")

    def spread(hidden: str, color: str, ax: Axes) -> None:
        plot_spread(results[hidden].later_mu, ax, color=color)
        ax.set_title(f"hidden layers {hidden}: {ax.get_title()}")
        ax.set_ylabel(rf"$\mu$ beyond $t_w$ = {said['from_waiting_time']:.0f}")

    panels = {hidden: partial(spread, hidden, color) for hidden, color in zip(results, COLORS, strict=False)}
    figure = draw_panels(panels, columns=len(panels), panel=(3.9, 3.6), same_y=True)
    save_figure(figure, arguments.output / "realizations.png", dpi=110)


if __name__ == "__main__":
    main()
