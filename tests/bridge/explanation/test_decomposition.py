"""Inherent structures with coordinates, and the parts of a displacement, on paths made of known pieces."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.explanation import PARTS, decompose, decomposition_steps, jump_rates
from bridge.explanation._decomposition import decompose_points
from bridge.mapping import UNKNOWN, QuenchedSnapshots, quenched_snapshots
from dynamics import Trajectories
from dynamics.snapshots import loss_identity
from landscape import Minimum, quench, symmetry
from landscape.stationary import local_model

WAITING, LAGS = np.array([10, 20]), np.array([10, 20, 30])
STEPS = np.array([10, 20, 30, 40, 50])
RATE = 0.1


@pytest.fixture(scope="module")
def places(small_loss):
    """Two minima, an image of the first, and the Hessian's model of each."""
    network, rng = small_loss.network, np.random.default_rng(0)
    found: list[Minimum] = []
    while len(found) < 2:
        result = quench(small_loss, network.glorot_uniform(rng))
        if result.converged and all(abs(result.value - known.value) > 1e-6 for known in found):
            found.append(result.minimum)
    a, b = (minimum.coordinates for minimum in found)
    image = symmetry.transform(network, a, [(np.array([1, 0, 2]), np.array([1.0, -1.0, 1.0]))])
    return a, b, image


def as_quenched(points, minima, basins):
    points, minima = np.asarray(points)[None], np.asarray(minima)[None]
    losses = np.where(np.array([basins]) > 0, 0.5, np.nan)
    return QuenchedSnapshots(np.array([0]), STEPS, points, minima, losses, np.array([basins]), "flow")


def test_a_path_of_known_hops_images_and_drift(small_loss, places):
    a, b, image = places
    model = local_model(small_loss, a)
    softest, stiffest = model.eigenvectors[:, 0], model.eigenvectors[:, -1]
    # along the softest mode, then also the stiffest; then to another minimum; to an image; to nowhere
    deltas = [0 * a, 0.03 * softest, 0.03 * softest + 0.02 * stiffest, 0 * a, 0.01 * stiffest]
    minima = [a, a, a, b, image]
    quenched = as_quenched([m + d for m, d in zip(minima, deltas, strict=True)], minima, [1, 1, 1, 2, 3])
    found = decompose_points(quenched, small_loss, WAITING, LAGS, RATE)
    p = a.size
    first = {name: getattr(found, name).values[0, 0] for name in ("total", "inherent", *PARTS)}
    np.testing.assert_allclose(first["inherent"], [0.0, 0.0, ((b - a) ** 2).mean()])
    np.testing.assert_allclose(first["soft"], [0.03**2 / p, 0.03**2 / p, 0.0], atol=1e-15)
    np.testing.assert_allclose(first["stiff"], [0.0, 0.02**2 / p, 0.0], atol=1e-15)
    hop = symmetry.distance(small_loss.network, a, b) ** 2 / p
    np.testing.assert_allclose(first["hop"], [0.0, 0.0, hop])
    np.testing.assert_allclose(first["image"], [0.0, 0.0, ((b - a) ** 2).mean() - hop], atol=1e-12)
    # from step 20: the last lag ends in the image, which is no hop at all
    image_square = ((image - a) ** 2).mean()
    assert found.hop.values[0, 1].tolist() == pytest.approx([0.0, hop, 0.0], abs=1e-12)
    assert found.image.values[0, 1, 2] == pytest.approx(image_square)
    crossed = 2 * ((image - a) * (0.01 * stiffest - 0.03 * softest)).mean()
    assert found.cross.values[0, 1, 2] == pytest.approx(crossed)
    assert found.changed[0].tolist() == [[False, False, True], [False, True, True]]


def test_the_parts_sum_to_the_whole(small_loss, places, rng):
    minima = [places[k] for k in (0, 1, 2, 0, 1)]
    points = [m + 0.1 * rng.standard_normal(m.size) for m in minima]
    found = decompose_points(as_quenched(points, minima, [1, 2, 3, 1, 2]), small_loss, WAITING, LAGS, RATE)
    np.testing.assert_allclose(sum(getattr(found, name).values for name in PARTS), found.total.values, rtol=1e-12)
    np.testing.assert_allclose(found.hop.values + found.image.values, found.inherent.values, rtol=1e-12)
    np.testing.assert_allclose(sum(found.shares.values()), 1.0)
    naive = [[((points[(tw + t) // 10 - 1] - points[tw // 10 - 1]) ** 2).mean() for t in LAGS] for tw in WAITING]
    np.testing.assert_allclose(found.total.values[0], naive)


def test_modes_are_soft_while_they_have_not_relaxed(small_loss, places):
    a = places[0]
    model = local_model(small_loss, a)
    chosen = len(a) // 2
    rate, mode = 1.0 / (15 * model.eigenvalues[chosen]), model.eigenvectors[:, chosen]  # relaxes between both ages
    points = [a + k * 0.01 * mode for k in range(5)]
    found = decompose_points(as_quenched(points, [a] * 5, [1] * 5), small_loss, WAITING, LAGS, rate)
    assert found.stiff.values[0, 0] == pytest.approx(0.0, abs=1e-15)
    assert found.soft.values[0, 1] == pytest.approx(0.0, abs=1e-15)


def test_a_snapshot_without_inherent_structure_leaves_gaps(small_loss, places):
    minima = np.array([places[0]] * 5)
    minima[2] = np.nan
    found = decompose_points(
        as_quenched([places[0]] * 5, minima, [1, 1, UNKNOWN, 1, 1]), small_loss, WAITING, LAGS, RATE
    )
    assert np.isnan(found.inherent.values[0]).tolist() == [[False, True, False], [True, False, False]]
    assert not found.changed.any()


def test_lags_beyond_the_run_and_missing_snapshots(small_loss, places):
    quenched = as_quenched([places[0]] * 5, [places[0]] * 5, [1] * 5)
    found = decompose_points(quenched, small_loss, WAITING, np.array([5, 10, 40]), RATE)
    assert found.total.lags.tolist() == [10, 40]
    assert np.isnan(found.total.values[0]).tolist() == [[False, False], [False, True]]
    with pytest.raises(ValueError, match="it lacks 15"):
        decompose_points(quenched, small_loss, np.array([10, 15]), LAGS, RATE)
    with pytest.raises(ValueError, match="at least two lags"):
        decompose_points(quenched, small_loss, WAITING, np.array([5, 10]), RATE)


# ---------------------------------------------------------------- quenched snapshots


@pytest.fixture(scope="module")
def visiting(small_loss, places):
    """Two runs that visit known minima in known order; the second is the first in another image."""
    rng = np.random.default_rng(1)
    order = [0, 0, 1, 1, 2]
    path = np.array([places[k] + 1e-3 * rng.standard_normal(places[0].size) for k in order])
    element = [(np.array([2, 0, 1]), np.array([-1.0, 1.0, 1.0]))]
    other = np.array([symmetry.transform(small_loss.network, theta, element) for theta in path])
    curves = np.zeros((2, 1))
    metadata = {"learning_rate": RATE, **loss_identity(small_loss)}
    runs = Trajectories(tuple(metadata["layer_sizes"]), STEPS, np.array([path, other]), WAITING, LAGS, np.array([0]),
                        curves, curves, curves, metadata)  # fmt: skip
    return runs, element, order


@pytest.mark.parametrize("method", ["flow", "lbfgs"])
def test_every_snapshot_goes_to_the_image_it_is_in(small_loss, places, visiting, method):
    runs, element, order = visiting
    found = quenched_snapshots(runs, small_loss, steps=STEPS, method=method)
    for s, k in enumerate(order):
        np.testing.assert_allclose(found.coordinates[0, s], places[k], atol=1e-4)
        moved = symmetry.transform(small_loss.network, places[k], element)
        np.testing.assert_allclose(found.coordinates[1, s], moved, atol=1e-4)
    assert found.basins.tolist() == [[1, 1, 2, 2, 3]] * 2
    assert (found.coordinates[:, 0] == found.coordinates[:, 1]).all()  # one basin, bitwise one point
    np.testing.assert_array_equal(found.points, runs.snapshots)
    np.testing.assert_allclose(found.losses[0], found.losses[1])


def test_decomposition_of_runs_and_jumps(small_loss, visiting):
    runs, _, _ = visiting
    steps = decomposition_steps(runs, LAGS)
    assert steps.tolist() == STEPS.tolist()
    quenched = quenched_snapshots(runs, small_loss, steps=steps)
    found = decompose(runs, small_loss, quenched)
    for name in ("total", "inherent", *PARTS):  # images of a path are decomposed alike
        values = getattr(found, name).values
        np.testing.assert_allclose(values[0], values[1], rtol=1e-6, atol=1e-9)
    jumps = jump_rates(quenched)
    assert jumps.jumps.tolist() == [0, 2, 0, 2]
    assert jumps.images.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(jumps.rates.value[1], 2 / (2 * 10))
    assert np.isnan(jumps.rates.value[0])
    assert jumps.rates.low[0] == 0.0
    assert (jumps.rates.high > 0).all()


def test_runs_without_an_inherent_structure_are_no_part_of_the_shares(small_loss, visiting):
    """One snapshot of the second run belongs to no minimum: all shares are those of the first run there."""
    runs, _, _ = visiting
    quenched = quenched_snapshots(runs, small_loss, steps=STEPS)
    whole = decompose(runs, small_loss, quenched)
    basins, coordinates = quenched.basins.copy(), quenched.coordinates.copy()
    basins[1, 2], coordinates[1, 2] = UNKNOWN, np.nan
    found = decompose(runs, small_loss, replace(quenched, basins=basins, coordinates=coordinates))
    at, ends = STEPS[2], WAITING[:, None] + LAGS
    unknown = ((WAITING[:, None] == at) | (ends == at)) & (ends <= STEPS[-1])
    np.testing.assert_array_equal(found.known[1], whole.known[1] & ~unknown)
    np.testing.assert_array_equal(found.known[0], whole.known[0])
    inside = ends <= STEPS[-1]
    for name in PARTS:
        alone = getattr(whole, name).values[0] / whole.total.values[0]
        expected = np.where(unknown, alone, whole.shares[name])
        np.testing.assert_allclose(found.shares[name][inside], expected[inside], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.changed_share[unknown], whole.changed[0][unknown])
    alone = np.where(whole.changed[0], 1.0, 0.0)
    np.testing.assert_allclose(found.share_of_changed[unknown], alone[unknown])
    nothing = decompose(runs, small_loss, replace(quenched, basins=basins * UNKNOWN, coordinates=coordinates * np.nan))
    for values in (*nothing.shares.values(), nothing.changed_share, nothing.share_of_changed):
        assert np.isnan(values).all()


def test_finished_quenches_are_remembered(small_loss, visiting, tmp_path):
    runs, _, _ = visiting
    calls = []
    first = quenched_snapshots(runs, small_loss, steps=STEPS[:2], path=tmp_path)
    second = quenched_snapshots(
        runs, small_loss, steps=STEPS, path=tmp_path, progress=lambda *counts: calls.append(counts)
    )
    assert calls[0] == (4, 10)
    np.testing.assert_array_equal(first.coordinates, second.coordinates[:, :2])
    again = quenched_snapshots(runs, small_loss, steps=STEPS, path=tmp_path)
    np.testing.assert_array_equal(second.coordinates, again.coordinates)
    (broken, *_) = tmp_path.glob("*.npz")
    broken.write_bytes(b"PK")
    with pytest.raises(ValueError, match="is not a readable measurement"):
        quenched_snapshots(runs, small_loss, steps=STEPS, path=tmp_path)


def test_chosen_runs_and_steps(small_loss, visiting):
    runs, _, _ = visiting
    found = quenched_snapshots(runs, small_loss, replicas=[1])
    assert found.steps.tolist() == [10, 20, 50]
    assert found.runs.tolist() == [1]
    np.testing.assert_array_equal(found.at(20), found.coordinates[:, 1])
    with pytest.raises(ValueError, match="step must be one of the quenched ones"):
        found.at(30)
    with pytest.raises(ValueError, match="there is none at 15"):
        quenched_snapshots(runs, small_loss, steps=[15])
    with pytest.raises(ValueError, match="replicas must be in"):
        quenched_snapshots(runs, small_loss, replicas=[2])


def test_a_start_on_the_flat_top_has_no_inherent_structure(small_loss, visiting):
    runs, _, _ = visiting
    snapshots = np.array(runs.snapshots)
    snapshots[:, 0] = 0.0  # all weights zero: no path leads down along the symmetric line but to a saddle
    found = quenched_snapshots(replace(runs, snapshots=snapshots), small_loss, steps=STEPS[:2])
    assert found.basins[:, 0].tolist() == [UNKNOWN, UNKNOWN]
    assert np.isnan(found.coordinates[:, 0]).all()
    assert np.isnan(found.losses[:, 0]).all()
