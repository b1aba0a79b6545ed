"""Certificates without a spectrum, against full spectra."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from landscape import Database
from landscape.database import loss_of
from landscape.stationary import Inertia, Signs, inertia_model, local_model, point_of_inertia, typed_point
from landscape.stationary._eigenpairs import extremal_vectors, with_bounds
from landscape.stationary._factorization import factorize
from landscape.stationary._inertia import LOWEST

EXAMPLES = Path(__file__).parents[3] / "examples" / "databases"


def symmetric(rng, eigenvalues):
    """A random matrix (n, n) with these eigenvalues (n,)."""
    vectors = np.linalg.qr(rng.normal(size=2 * (len(eigenvalues),)))[0]
    matrix = (vectors * eigenvalues) @ vectors.T
    return 0.5 * (matrix + matrix.T)


class Tilted:
    """A loss plus a quadratic that leaves a stationary point where it is, and turns one eigenvalue there into another.

    It has no `rounding` of its own, so that the bound by norms is tested, and no products.
    """

    network = None

    def __init__(self, loss, point, mode, change):
        self.loss, self.point, self.mode, self.change = loss, point, mode, change
        self.n_parameters = point.size

    @property
    def zero_modes(self):
        return np.empty((0, self.point.size))

    def value_and_gradient(self, theta):
        value, gradient = self.loss.value_and_gradient(theta)
        along = self.mode @ (theta - self.point)
        return value + 0.5 * self.change * along**2, gradient + self.change * along * self.mode

    def value_gradient_hessian(self, theta):
        hessian = self.loss.value_gradient_hessian(theta)[2]
        return *self.value_and_gradient(theta), hessian + self.change * np.outer(self.mode, self.mode)


def stationary_points(name, number, rng):
    """Losses and points: those of an example file, and the same with an eigenvalue next to zero or an index of two."""
    with Database(EXAMPLES / name) as database:
        loss = loss_of(database)
        points = [stored.point for stored in (*database.minima, *database.transition_states)]
    for k in range(number):
        point = points[int(rng.integers(len(points)))]
        if k % 3 == 0:
            yield loss, point.coordinates
            continue
        model = local_model(loss, point.coordinates)
        which = int(rng.integers(len(model.eigenvalues)))
        wanted = rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-18.0, -2.0) if k % 3 == 1 else 0.0
        change = wanted - model.eigenvalues[which]
        yield Tilted(loss, point.coordinates, model.eigenvectors[:, which], change), point.coordinates


def check_against_the_spectrum(loss, theta):
    """Whether the inertia is determined; it must never contradict the spectrum."""
    found, full = inertia_model(loss, theta), local_model(loss, theta)
    signs, size = found.signs, len(full.free)
    assert sum(signs) == size
    assert signs.negative <= (full.free < 0.0).sum() <= signs.negative + signs.flat
    assert signs.positive <= (full.free > 0.0).sum() <= signs.positive + signs.flat
    for value, bound in zip(found.eigenvalues, found.inertia.bounds, strict=True):
        assert np.abs(full.free - value).min() <= bound + 1e-15
    assert np.abs(full.free).max() <= found.inertia.largest * (1.0 + 1e-9)
    assert found.inertia.trace == pytest.approx(full.free.sum(), rel=1e-9)
    if signs.flat:
        assert np.isnan(found.inertia.log_determinant)
        return False
    unknown = 3.0 * found.rounding.hessian / np.abs(full.free).min()  # of the logarithm of the softest eigenvalue
    assert found.inertia.log_determinant == pytest.approx(np.log(np.abs(full.free)).sum(), abs=unknown, rel=1e-9)
    softest = full.free[[max(0, signs.negative - LOWEST), np.abs(full.free).argmin()]]
    np.testing.assert_allclose(
        found.eigenvalues[[0, found.softest]], softest, rtol=1e-6, atol=1e-9 * found.inertia.largest
    )
    assert type(point_of_inertia(found)) is type(typed_point(full, found.rounding.hessian))
    return True


@pytest.mark.parametrize("name", ["n1000-h1-1-1.db"])
def test_the_index_by_inertia_is_that_of_the_spectrum(name, rng):
    determined = [check_against_the_spectrum(*found) for found in stationary_points(name, 9, rng)]
    assert sum(determined) >= 3
    assert not all(determined)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["n1000-h10.db", "n3162-h5-5.db"])
def test_two_hundred_stationary_points_have_the_index_of_their_spectrum(name, rng):
    determined = [check_against_the_spectrum(*found) for found in stationary_points(name, 100, rng)]
    assert 40 <= sum(determined) < 90


def test_a_factorization_counts_and_solves(rng):
    for n in (1, 2, 3, 8, 30):
        for kind in ("indefinite", "pairs of pivots", "definite"):
            matrix = rng.normal(size=(n, n))
            matrix = matrix @ matrix.T + np.eye(n) if kind == "definite" else matrix + matrix.T
            if kind == "pairs of pivots" and n > 1:
                np.fill_diagonal(matrix, 0.0)
            eigenvalues = np.linalg.eigvalsh(matrix) - 0.3
            for lower in (False, True):
                found = factorize(np.array(matrix, order="F"), 0.3, lower=lower)
                assert found.negative == (eigenvalues < 0.0).sum()
                assert found.log_determinant == pytest.approx(np.log(np.abs(eigenvalues)).sum(), abs=1e-9)
                solution = found.solve(matrix[0])
                np.testing.assert_allclose(matrix @ solution - 0.3 * solution, matrix[0], atol=1e-9)
                metric = np.linalg.inv(np.array([found.absolute().solve(column) for column in np.eye(n)]))
                assert np.linalg.eigvalsh(0.5 * (metric + metric.T))[0] > 0.0
                np.testing.assert_allclose(metric, metric.T, atol=1e-9 * np.abs(metric).max())
                if (eigenvalues > 0.0).all():
                    np.testing.assert_allclose(metric, matrix - 0.3 * np.eye(n), atol=1e-9)


def test_a_factorization_leaves_the_other_triangle(rng):
    matrix = symmetric(rng, rng.normal(size=9))
    for lower in (False, True):
        found = factorize(np.array(matrix, order="F"), 0.1, lower=lower).stored
        rest = np.triu_indices(9, 1) if lower else np.tril_indices(9, -1)
        np.testing.assert_array_equal(found[rest], matrix[rest])


@settings(max_examples=20, deadline=None)
@given(
    centers=st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=4),
    spread=st.sampled_from([0.0, 1e-14, 1e-9, 1e-4]),
    end=st.sampled_from(["LA", "SA"]),
    restarts=st.sampled_from([1, 3, 30]),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_eigenvalue_is_within_every_bound(centers, spread, end, restarts, seed):
    """Clusters are where Lanczos iterations converge slowly; after one restart they have not."""
    rng = np.random.default_rng(seed)
    eigenvalues = rng.choice(centers, 24) + spread * rng.normal(size=24)
    matrix = symmetric(rng, eigenvalues)
    vectors = extremal_vectors(lambda v: matrix @ v, 24, 3, end, tolerance=1e-8, restarts=restarts)
    values, bounds, vectors = with_bounds(lambda v: matrix @ v, vectors)
    exact = np.linalg.eigvalsh(matrix)
    for value, bound in zip(values, bounds, strict=True):
        assert np.abs(exact - value).min() <= bound + 1e-14
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), atol=1e-12)


def test_beyond_the_largest_hessian_nothing_is_claimed(rng):
    (loss, theta), *_ = stationary_points("n1000-h1-1-1.db", 1, rng)
    found, full = inertia_model(loss, theta, most_factorized=4), local_model(loss, theta)
    assert found.factorization is None
    assert found.signs.positive == 0
    assert found.signs.flat > 0
    assert np.isnan(found.inertia.log_determinant)
    for value, bound in zip(found.eigenvalues, found.inertia.bounds, strict=True):
        assert np.abs(full.free - value).min() <= bound
    assert type(point_of_inertia(found)).__name__ == "StationaryPoint"


def test_numbers_of_a_file_become_the_inertia_again():
    inertia = Inertia(Signs(1, 0, 68), -3.0, 2.0, 1.5, np.array([1e-9, 2e-9]))
    again = Inertia.from_array(inertia.to_array())
    assert again is not None
    np.testing.assert_array_equal(again.to_array(), inertia.to_array())
    assert again.signs == inertia.signs
    assert Inertia.from_array(np.empty(0)) is None
    for numbers in (np.ones(5), np.array([0.5, 0, 1, 0, 0, 1]), np.array([-1.0, 0, 1, 0, 0, 1])):
        with pytest.raises(ValueError, match="inertia"):
            Inertia.from_array(numbers)
