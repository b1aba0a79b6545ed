"""Small graphs of minima and transition states, and their barriers by a triple loop."""

import numpy as np
from hypothesis import strategies as st

from landscape import LandscapeGraph


@st.composite
def graphs(draw):
    """Up to nine minima; few distinct losses, so that ties, loops and parallel transition states are common."""
    n = draw(st.integers(1, 9))
    losses = np.array(draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)), float)
    ends = st.integers(0, n - 1)
    rows = draw(st.lists(st.tuples(ends, ends, st.integers(0, 4)), max_size=14))
    edges = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    heights = losses[edges].max(axis=1, initial=-np.inf) + np.array([row[2] for row in rows], float)
    return LandscapeGraph(losses, heights, edges)


def minimax_by_triple_loop(graph):
    """Lowest highest loss (n, n) between all pairs, by Floyd and Warshall."""
    n = graph.n_minima
    best = np.full((n, n), np.inf)
    np.fill_diagonal(best, graph.losses)
    for (i, j), loss in zip(graph.edges, graph.transition_losses, strict=True):
        if i != j:
            best[i, j] = best[j, i] = min(best[i, j], loss)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                best[i, j] = min(best[i, j], max(best[i, k], best[k, j]))
    return best


def chain():
    """0 - 1 - 2 by barriers 5 and 3, a higher way 0 - 2, a loop, and 3 alone."""
    edges = np.array([[0, 1], [2, 1], [0, 2], [1, 1], [0, 1]])
    return LandscapeGraph(np.array([1.0, 2.0, 0.0, 0.5]), np.array([5.0, 3.0, 7.0, 2.0, 6.0]), edges)
