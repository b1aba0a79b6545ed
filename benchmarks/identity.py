"""Whether identity by certificates splits or merges minima: many quenches, all pairs whose losses agree.

Pairs that the rule of a fixed distance (1e-2, losses within 1e-9) judges otherwise are printed. What is said to be one
should lie much closer together than the certificates allow.

    python benchmarks/identity.py --rows 100 --starts 500
"""

import argparse
import time

import numpy as np

from landscape import CrossEntropyLoss, datasets, quench, symmetry
from landscape.networks import MLP
from landscape.stationary import same_point, separation

HIDDEN = ((10,), (5, 5), (4, 4, 4))


def fixed(network, a, b):
    """Two minima are one by distance alone."""
    return abs(a.value - b.value) <= 1e-9 and symmetry.distance(network, a.coordinates, b.coordinates) < 1e-2


def close_pairs(minima):
    """Pairs whose losses agree, of minima sorted by loss."""
    for k, a in enumerate(minima):
        for b in minima[k + 1 :]:
            if b.value - a.value > 2e-9:
                break
            yield a, b


def main():
    """Print a line for each architecture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=500)
    options = parser.parse_args()
    print("  hidden  minima  pairs  one  judged otherwise  largest distance of one, of what is allowed  seconds")
    for hidden in HIDDEN:
        began = time.process_time()
        loss = CrossEntropyLoss(MLP((2, *hidden, 4)), datasets.ljat(rows=options.rows, seed=0))
        network = loss.network
        starts = [network.glorot_uniform(np.random.default_rng(k)) for k in range(options.starts)]
        results = [quench(loss, start) for start in starts]
        minima = sorted((r.minimum for r in results if r.converged), key=lambda minimum: minimum.value)
        pairs = list(close_pairs(minima))
        one = [same_point(network, a, b) for a, b in pairs]
        others = sum(same != fixed(network, a, b) for same, (a, b) in zip(one, pairs, strict=True))
        distances = [symmetry.distance(network, a.coordinates, b.coordinates) for a, b in pairs]
        shares = [d / separation(a, b) for d, same, (a, b) in zip(distances, one, pairs, strict=True) if same]
        lengths = [d for d, same in zip(distances, one, strict=True) if same]
        print(
            f"{','.join(map(str, hidden)):>8} {len(minima):7d} {len(pairs):6d} {sum(one):5d} {others:6d}"
            f" {max(lengths, default=0.0):10.1e} {max(shares, default=0.0):8.1e} {time.process_time() - began:8.1f}"
        )


if __name__ == "__main__":
    main()
