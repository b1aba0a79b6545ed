import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.graphs import graphs, minimax_by_triple_loop

from landscape import LandscapeGraph
from landscape.graph import components, funnelling, minimax_barriers


def chain(losses, barriers):
    """Minima in a row, each joined with the next at a barrier."""
    edges = np.stack([np.arange(len(barriers)), np.arange(1, len(barriers) + 1)], axis=1)
    return LandscapeGraph(np.array(losses), np.array(barriers), edges.reshape(-1, 2))


def perfect_funnel():
    """Ten steps down, each barrier at the minimum above it."""
    losses = np.arange(11.0)
    return chain(losses, losses[1:] + 1e-6)


def ladders(n=20, top=25.0):
    """Two ladders of n minima, the second half a step higher, joined only above their tops."""
    losses = np.concatenate([np.arange(n, dtype=float), np.arange(n) + 0.5])
    steps = np.concatenate([np.arange(n - 1), np.arange(n, 2 * n - 1)])
    edges = np.vstack([np.stack([steps, steps + 1], axis=1), [[n - 1, 2 * n - 1]]])
    barriers = losses[edges].max(axis=1) + 1e-3
    barriers[-1] = top
    return LandscapeGraph(losses, barriers, edges)


def test_a_perfect_funnel():
    found = funnelling(perfect_funnel())
    assert found.global_minimum == 0
    assert found.share == found.connected_share == 1.0
    assert found.frustration == pytest.approx(1.0, abs=1e-5)
    assert found.funnels.tolist() == [0]
    np.testing.assert_allclose(found.climbs, [0.0] + [1e-6] * 10, atol=1e-12)
    assert found.span == 10.0


def test_a_double_funnel():
    found = funnelling(ladders())
    # of the second ladder only its highest steps lie within 0.1 * 19.5 of the top: 25 - 19.5 is too far for any
    assert found.share == pytest.approx(19 / 39)
    assert found.funnels.tolist() == [0, 20]
    assert found.connected == 39
    # the second ladder: 25 over (k + 0.5); the first: the loss itself plus 1e-3
    expected = np.concatenate([(np.arange(1, 20) + 1e-3) / np.arange(1, 20), 25.0 / (np.arange(20) + 0.5)]).mean()
    assert found.frustration == pytest.approx(expected)
    assert funnelling(ladders(), fraction=1.0).funnels.tolist() == [0, 20]  # 24.5 is more than the span
    assert funnelling(ladders(top=19.6), fraction=1.0).funnels.tolist() == [0]


def test_a_cold_landscape_is_as_frustrated_as_its_second_minimum():
    assert funnelling(ladders(), temperature=1e-3).frustration == pytest.approx(25.0 / 0.5)
    weights = np.zeros(40)
    weights[5] = 1e3  # everything sits in the fifth
    assert funnelling(ladders(), log_weights=weights).frustration == pytest.approx(5.001 / 5)


def test_one_minimum():
    found = funnelling(LandscapeGraph(np.array([0.3]), np.empty(0), np.empty((0, 2), int)))
    assert found.climbs.tolist() == [0.0]
    assert found.funnels.tolist() == [0]
    assert found.span == found.connected == 0
    assert np.isnan([found.share, found.connected_share, found.frustration]).all()


def test_no_transition_states():
    found = funnelling(LandscapeGraph(np.array([0.5, 0.3, 0.4]), np.empty(0), np.empty((0, 2), int)))
    assert found.global_minimum == 1
    assert found.climbs.tolist() == found.relative_climbs.tolist() == [np.inf, 0.0, np.inf]
    assert np.isnan([found.share, found.connected_share, found.frustration]).all()
    assert found.funnels.tolist() == [1]


def test_a_lonely_minimum_far_above_changes_only_the_share():
    graph = ladders()
    lonely = LandscapeGraph(np.append(graph.losses, 1e4), graph.transition_losses, graph.edges)
    before, after = funnelling(graph), funnelling(lonely)
    assert (after.span, after.frustration, after.connected_share) == (
        before.span, before.frustration, before.connected_share,
    )  # fmt: skip
    assert after.share == pytest.approx(19 / 40)
    assert after.climbs[-1] == np.inf


def test_two_minima_of_the_same_loss():
    assert funnelling(chain([1.0, 1.0], [2.0])).frustration == np.inf
    assert funnelling(chain([1.0, 1.0], [1.0])).frustration == 1.0


@pytest.mark.parametrize("rise", [1e-16, 3e-15, -2e-16])
def test_images_of_the_global_minimum_that_rounding_tells_apart(rise):
    """Two quenches of one loss end at values that differ by rounding, as images of a torch module's minima do."""
    graph = chain([0.3, 0.3 + rise, 0.5], [0.7, 0.8])
    found = funnelling(graph)
    assert found.frustration == np.inf
    assert np.sort(found.ratios)[:2].tolist() == pytest.approx([0.5 / 0.2, np.inf])
    assert found.span == pytest.approx(0.2)
    assert funnelling(chain([0.3, 0.3 + rise], [0.3 + 2 * abs(rise)])).frustration == 1.0  # no barrier either


@settings(deadline=None, max_examples=50)
@given(graphs())
def test_frustration_is_the_mean_over_all_paths(graph):
    bottom = int(np.argmin(graph.losses))
    barriers = minimax_by_triple_loop(graph)[bottom] - graph.losses[bottom]
    rises = graph.losses - graph.losses[bottom]
    others = [i for i in np.flatnonzero(np.isfinite(barriers)) if i != bottom]
    ratios = [barriers[i] / rises[i] if rises[i] else np.inf if barriers[i] else 1.0 for i in others]
    expected = np.mean(ratios) if ratios else np.nan
    assert funnelling(graph).frustration == pytest.approx(expected, nan_ok=True)


def persistence(graph, i):
    """Lowest climb from i to a lower minimum (of equal ones the first counts as lower)."""
    lower = [j for j in range(graph.n_minima) if (graph.losses[j], j) < (graph.losses[i], i)]
    return min((minimax_barriers(graph, i)[j] for j in lower), default=np.inf) - graph.losses[i]


@settings(deadline=None, max_examples=50)
@given(graphs(), st.floats(0, 1), st.floats(0.1, 10))
def test_laws(graph, fraction, temperature):
    found = funnelling(graph, fraction=fraction, temperature=temperature)
    together = components(graph) == 0
    assert found.connected == together.sum() - 1
    assert (np.isfinite(found.climbs) == together).all()
    assert (found.climbs >= 0.0).all()
    assert found.frustration >= 1.0 or np.isnan(found.frustration)
    if graph.n_minima > 1:
        assert np.isnan(found.share) == (found.connected == 0)
        assert 0.0 <= found.share <= found.connected_share <= 1.0 or found.connected == 0
    expected = {i for i in np.flatnonzero(together) if persistence(graph, i) > fraction * found.span}
    assert set(found.funnels.tolist()) == expected


@settings(deadline=None, max_examples=30)
@given(graphs(), st.sampled_from([0.25, 2.0]), st.integers(-5, 5))
def test_shift_and_scale_of_the_loss_change_no_ratio(graph, scale, shift):
    other = LandscapeGraph(scale * graph.losses + shift, scale * graph.transition_losses + shift, graph.edges)
    a, b = funnelling(graph), funnelling(other)
    np.testing.assert_array_equal(b.climbs, scale * a.climbs)
    np.testing.assert_array_equal(b.ratios, a.ratios)
    assert (b.share, b.frustration) == pytest.approx((a.share, a.frustration), nan_ok=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fraction": -0.1}, "fraction must be between 0 and 1; got -0.1"),
        ({"fraction": np.nan}, "fraction"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"temperature": np.nan}, "temperature"),
        ({"log_weights": [0.0]}, r"log_weights .* shape \(11,\)"),
        ({"log_weights": [np.inf] * 11}, "log_weights must be finite"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        funnelling(perfect_funnel(), **arguments)


def test_no_minimum_is_refused():
    with pytest.raises(ValueError, match="at least one minimum"):
        funnelling(LandscapeGraph(np.empty(0), np.empty(0), np.empty((0, 2), int)))
