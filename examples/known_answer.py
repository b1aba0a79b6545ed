"""Known answers: the analysis finds in a process, or on a surface, the known answer.

    python examples/known_answer.py --replicas 100 --searches 1024

Four processes of known mu go through the same functions as runs of SGD. A sum of double wells, whose minima and
transition states are counted in closed form, goes through the same searches as a network.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from dynamics import aging, mean_square_displacement, synthetic
from landscape import explore
from landscape.losses import DoubleWells

WAITING_TIMES = (1000, 2000, 4000, 8000, 16_000)
LAGS = np.unique(np.geomspace(1, 16_000, 40).astype(int))
PARAMETERS = 70


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=100)
    parser.add_argument("--searches", type=int, default=1024)
    parser.add_argument("--wells", type=int, default=4)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    shape = (options.replicas, PARAMETERS, WAITING_TIMES, LAGS)
    processes = {  # runs, true mu, threshold that is reached at lags well below the waiting times
        "Brownian motion": (synthetic.brownian(*shape, 1e-3, rng=rng), 0.0, 0.2),
        "aging walk": (synthetic.aging_walk(*shape, 1.0, rng=rng, mu=0.7), 0.7, 0.2),
        "trap model": (synthetic.trap_model(*shape, 0.5, rng=rng), 1.0, 0.5),
        "walk between traps": (synthetic.trap_model(*shape, 0.5, rng=rng, walk=True), 0.5, 1.0),
    }
    for name, (runs, mu, threshold) in processes.items():
        fit = aging(mean_square_displacement(runs), threshold=threshold)
        print(f"{name}: mu = {fit.mu.value:.2f}, 95 % in [{fit.mu.low:.2f}, {fit.mu.high:.2f}], true {mu:.2f}")

    surface = DoubleWells(heights=np.arange(1.0, options.wells + 1.0), tilts=0.2)
    known = surface.known_points()
    with tempfile.TemporaryDirectory() as folder:
        found = explore(surface, Path(folder) / "wells.db", searches=options.searches)
    print(f"double wells: {found.minima} minima, true {len(known.minima)}")
    print(f"double wells: {found.transition_states} transition states, true {len(known.transition_states)}")
    if found.transition_states < len(known.transition_states):
        print("Searches are random: more of them find the rest (--searches)")


if __name__ == "__main__":
    main()
