"""Do the bounds of completeness hold? Over populations whose number of minima is known, by the number of draws.

Printed for each population: how often the 95 % interval of the coverage holds it, how often the lower bound at
95 % does not exceed the number of minima, and that bound beside the number found and Chao1 (means), which is no bound:
 how often its log-normal lower end at 95 % holds stands last. `python benchmarks/completeness.py [--trials N]`
"""

import argparse

import numpy as np

from landscape.completeness import chao1, coverage_interval, minima_at_least

POPULATIONS = {
    **{f"uniform, {n}": np.ones(n) for n in (2, 5, 10, 30, 100, 1000, 10_000)},
    **{f"geometric {r}, {n}": r ** np.arange(n) for r, n in ((0.5, 20), (0.9, 100), (0.97, 300))},
    **{f"Zipf {a}, {n}": np.arange(1.0, n + 1.0) ** -a for a in (0.5, 1.0, 2.0) for n in (100, 3000)},
    **{f"one of {p}, 1000 more": np.append(p, np.full(1000, (1 - p) / 1000)) for p in (0.5, 0.9)},
}
DRAWS = (5, 20, 64, 300, 1000)


def main(trials: int) -> None:
    print(f"{'population':<24}{'draws':>6}{'coverage holds':>16}{'bound holds':>13}{'bound':>9}{'found':>9}"
          f"{'Chao1':>9}{'its low end holds':>19}")  # fmt: skip
    worst = [1.0, 1.0, 1.0]
    for name, weights in POPULATIONS.items():
        chances = weights / weights.sum()
        for draws in DRAWS:
            rng = np.random.default_rng(draws)
            rows = []
            for _ in range(trials):
                found = rng.choice(chances.size, draws, p=chances)
                hits = np.bincount(found, minlength=chances.size)
                interval, bound, chao = coverage_interval(hits), minima_at_least(found), chao1(hits, 0.9)
                seen = chances[hits > 0].sum()
                holds = interval.low - 1e-12 <= seen <= interval.high + 1e-12
                rows.append((holds, bound.low <= chances.size, chao.low <= chances.size, bound.low, (hits > 0).sum(),
                             chao.value))  # fmt: skip
            held, fits, low_holds, bound, number, value = np.mean(rows, axis=0)
            worst = [min(a, b) for a, b in zip(worst, (held, fits, low_holds), strict=True)]
            print(f"{name:<24}{draws:>6}{held:>16.3f}{fits:>13.3f}{bound:>9.1f}{number:>9.1f}{value:>9.1f}"
                  f"{low_holds:>19.3f}", flush=True)  # fmt: skip
    print("worst: coverage {:.3f}, bound {:.3f}, low end of Chao1 {:.3f}".format(*worst))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    main(parser.parse_args().trials)
