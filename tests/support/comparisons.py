"""A row of a comparison."""

import math

from bridge.comparison import (
    ComparisonRow,
)
from landscape.support import Estimate

UNKNOWN = Estimate(math.nan, math.nan, math.nan)
ROW = ComparisonRow(
    study="h3", hidden="3", parameters=25, dataset="ljat", dataset_seed=0, rows=100, searches=32, minima=6,
    transition_states=5,
    components=2, estimated_minima=Estimate(8.5, 6.5, 20.0), minima_from_sgd=1, lowest_loss=0.34, replicas=4,
    steps=200, threshold=1e-2, mu=Estimate(0.9, 0.7, 1.2), mu_runs_mean=0.8, mu_control=math.nan,
)  # fmt: skip
