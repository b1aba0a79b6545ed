"""Further test rows of a generated data set, as many as needed."""

from functools import lru_cache

import numpy as np

from landscape.datasets._dataset import Dataset
from landscape.datasets._ljat import ljat

CHUNK = 2**15  # rows of one call
FIRST_SEED = 2**40  # first seed of such rows, far from the seeds that people choose
SEEDS = 2**20  # for each seed of a data set
KEPT = 160  # chunks in memory, 0.8 MB each


def is_generated(data: Dataset) -> bool:
    """Whether `fresh_rows` can generate more rows."""
    return data.metadata.get("name") == "ljat"


def fresh_rows(data: Dataset, chunk: int) -> Dataset:
    """`CHUNK` further rows drawn as `data` was, independent of it and of other chunks, scaled like its training rows.

    Raises
    ------
    ValueError
        If `data` is not a generated data set (`is_generated`).
    """
    if not is_generated(data):
        msg = f"data must be generated, as ljat is, to have further rows; got {data.metadata.get('name')!r}"
        raise ValueError(msg)
    seed, edge, three_body = (data.metadata[key] for key in ("seed", "edge", "three_body"))
    rows = _made(CHUNK, FIRST_SEED + SEEDS * seed + chunk, edge, three_body)
    if not data.metadata["standardize"]:
        return rows
    raw = _made(data.rows, seed, edge, three_body).inputs
    deviation = np.where(np.ptp(raw, axis=0) > 0.0, raw.std(axis=0), 1.0)
    inputs = (rows.inputs - raw.mean(axis=0)) / deviation
    return Dataset(inputs, rows.labels, rows.n_classes, inputs[:0], rows.labels[:0], rows.metadata)


@lru_cache(maxsize=KEPT)
def _made(rows: int, seed: int, edge: float, three_body: float) -> Dataset:
    """Generated rows, cached because several ensembles are tested on them."""
    return ljat(rows, seed, edge, three_body=three_body, test_rows=0)
