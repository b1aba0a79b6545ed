"""The landscape of 5,5 in examples: its numbers, its drawing and a few of its certificates are made again."""

import re

import numpy as np
import pytest
from support.paths import EXAMPLES

from landscape import datasets, disconnectivity_tree
from landscape.graph import components, funnelling
from landscape.interchange import read_network, read_pathsample
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP

FOLDER = EXAMPLES / "landscape-5-5"


@pytest.fixture(scope="module")
def network():
    return read_network(FOLDER / "landscape.npz")


def test_the_readme_says_what_is_there(network):
    said = (FOLDER / "README.md").read_text()
    graph, funnels = network.graph, funnelling(network.graph)
    for number, what in (
        (graph.n_minima, "minima"),
        (graph.n_transition_states, "transition states"),
        (components(graph).max() + 1, "components"),
        (funnels.connected + 1, "minima in the largest"),
        (len(graph.bounds), "upper bounds"),
    ):
        assert f"{number} {what}" in re.sub(r"\s+", " ", said)
    assert f"{graph.losses.min():.6f} nats" in said
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    assert size < 5e6


def test_both_files_hold_the_same_landscape(network):
    other = read_network(FOLDER)
    np.testing.assert_array_equal(other.graph.losses, network.graph.losses)
    np.testing.assert_array_equal(other.graph.edges, network.graph.edges)
    np.testing.assert_allclose(other.columns["log_product"], network.columns["log_product"], rtol=1e-13)
    trees = [disconnectivity_tree(one.graph, certified_only=True) for one in (network, other)]
    np.testing.assert_array_equal(trees[0].lines, trees[1].lines)


def test_some_certificates_are_computed_again(network):
    points, data = read_pathsample(FOLDER), datasets.ljat(rows=1000, seed=0)
    loss = CrossEntropyLoss(MLP((2, 5, 5, 4)), data, regularization=1e-4)
    for theta, value, product, negative in [
        *zip(points.minima[:2], network.graph.losses, network.columns["log_product"], [0, 0], strict=False),
        (points.states[0], network.graph.transition_losses[0], network.transition_columns["log_product"][0], 1),
    ]:
        found, gradient, hessian = loss.value_gradient_hessian(theta)
        eigenvalues = np.linalg.eigvalsh(hessian)
        assert found == pytest.approx(value, rel=1e-12)
        assert np.sqrt(np.mean(gradient**2)) < 1e-9
        assert np.count_nonzero(eigenvalues < 0.0) == negative
        assert np.log(eigenvalues[negative:]).sum() == pytest.approx(product, rel=1e-6)
