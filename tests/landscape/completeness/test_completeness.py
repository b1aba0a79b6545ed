from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.figure import Figure
from support.figures import flaws

from landscape import Database
from landscape.completeness import chao1, coverage_interval, discovery_curve, good_turing_coverage, minima_at_least
from landscape.completeness._lower_bounds import _chance_of_as_many
from landscape.losses import DoubleWells
from landscape.plots import new_figure, plot_discovery
from landscape.search import estimate_minima

HITS = st.lists(st.integers(0, 6), min_size=1, max_size=30).filter(any)


def test_chao1_by_hand():
    # S = 7, f1 = 2, f2 = 3: 7 + 2 * 1 / (2 * 4); variance 0.25 + 18/64 + 12/1024 = 0.54296875, T = 0.25,
    # K = exp(1.959964 sqrt(log(1 + 0.54296875 / 0.0625))) = 19.1732
    estimate = chao1([1, 1, 2, 2, 2, 3, 9])
    assert estimate.value == 7.25
    assert estimate.low == pytest.approx(7 + 0.25 / 19.1732, abs=1e-5)
    assert estimate.high == pytest.approx(7 + 0.25 * 19.1732, abs=1e-4)


def test_chao1_without_doubletons_by_hand():
    # S = 4, f1 = 3, f2 = 0: 4 + 3; variance 3 + 75/4 - 81/28 = 18.857143, T = 3
    estimate = chao1([1, 1, 1, 5])
    factor = np.exp(1.959964 * np.sqrt(np.log(1 + 18.857143 / 9)))
    assert estimate.value == 7.0
    assert estimate.low == pytest.approx(4 + 3 / factor, rel=1e-6)
    assert estimate.high == pytest.approx(4 + 3 * factor, rel=1e-6)


@pytest.mark.parametrize(("hits", "value"), [([3, 4, 5], 3), ([1, 4, 5], 3), ([1], 1), ([2, 0, 2], 2)])
def test_at_most_one_singleton_estimates_what_was_found(hits, value):
    estimate = chao1(hits)
    assert estimate.value == estimate.low == value
    assert value < estimate.high < np.inf


def test_all_singletons_give_a_finite_estimate_and_no_coverage():
    estimate = chao1([1] * 20)
    assert estimate.value == 20 + 20 * 19 / 2
    assert 20 < estimate.low < estimate.value < estimate.high < np.inf
    assert good_turing_coverage([1] * 20) == 0.0


def test_more_searches_narrow_the_interval_of_a_complete_list():
    assert chao1([100, 200]).high == pytest.approx(2)
    assert chao1([3, 4]).high > chao1([30, 40]).high


@settings(deadline=None)
@given(HITS)
def test_estimates_are_ordered_and_never_nan(hits):
    estimate, narrow = chao1(hits), chao1(hits, confidence=0.5)
    assert np.count_nonzero(hits) <= estimate.low <= narrow.low <= estimate.value <= narrow.high <= estimate.high
    assert estimate.high < np.inf
    assert 0 <= good_turing_coverage(hits) <= 1


@pytest.mark.parametrize(("size", "searches"), [(100, 100), (100, 250)])
def test_interval_covers_the_size_of_a_simulated_population(size, searches):
    rng = np.random.default_rng(5)
    estimates = [chao1(np.bincount(rng.integers(size, size=searches))) for _ in range(200)]
    assert sum(e.low <= size <= e.high for e in estimates) >= 175
    assert np.mean([e.value for e in estimates]) == pytest.approx(size, rel=0.05)


def test_chao1_is_a_lower_bound_for_unequal_chances():
    rng = np.random.default_rng(6)
    chances = rng.dirichlet(np.full(300, 0.5))
    values = [chao1(rng.multinomial(400, chances)).value for _ in range(50)]
    assert 100 < np.mean(values) < 300


def test_coverage_is_the_chance_of_a_known_minimum():
    rng = np.random.default_rng(7)
    chances = rng.dirichlet(np.ones(60))
    hits = [rng.multinomial(100, chances) for _ in range(300)]
    error = [good_turing_coverage(h) - chances[h > 0].sum() for h in hits]
    assert abs(np.mean(error)) < 0.01


def test_coverage_interval_by_hand():
    # N = 10, f1 = 2, f2 = 1: at both ends (f1 - N M)^2 = z^2 (N M (1 - M) + 2 F2), F2 the upper end for one find
    estimate, z = coverage_interval([1, 1, 2, 6, 0]), 1.959964
    upper = 1 + z * z / 2 + z * np.sqrt(1 + z * z / 4)
    assert (estimate.value, estimate.high) == (0.8, 1.0)
    unseen = 1 - estimate.low
    assert (2 - 10 * unseen) ** 2 == pytest.approx(z * z * (10 * unseen * (1 - unseen) + 2 * upper), rel=1e-5)
    assert unseen > 0.2


def test_where_all_were_found_once_the_coverage_is_between_nothing_and_most():
    """An older version had (0, 0, 0). Five draws of six minima alike are all different in 9 % of the cases."""
    estimate = coverage_interval([1, 1, 1, 1, 1])
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert 5 / 6 < estimate.high <= 1.0
    assert 0.3 < coverage_interval([1] * 20).high < 0.8


POPULATIONS = {
    **{f"uniform {n}": np.ones(n) for n in (2, 3, 6, 20, 100, 1000, 5000)},
    **{f"geometric {r}": r ** np.arange(n) for r, n in ((0.5, 10), (0.9, 50), (0.97, 200))},
    **{f"power law {a}": np.arange(1.0, 2001.0) ** -a for a in (0.5, 1.0, 2.0)},
    **{f"one of {p} and 300": np.append(p, np.full(300, (1 - p) / 300)) for p in (0.5, 0.9, 0.99)},
}


@pytest.mark.parametrize("draws", [3, 7, 20, 300])
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_coverage_interval_holds_for_alike_and_unlike_chances_and_few_draws(name, draws):
    rng = np.random.default_rng(draws)
    chances = POPULATIONS[name] / POPULATIONS[name].sum()
    trials, inside = 400, 0
    for hits in rng.multinomial(draws, chances, size=trials):
        estimate = coverage_interval(hits)
        inside += estimate.low - 1e-12 <= chances[hits > 0].sum() <= estimate.high + 1e-12
    assert inside >= 0.93 * trials


@pytest.mark.parametrize(("size", "searches"), [(200, 200), (60, 150), (300, 900)])
def test_coverage_interval_holds_the_chance_of_a_known_minimum(size, searches):
    rng = np.random.default_rng(11)
    chances = rng.dirichlet(np.ones(size))
    inside = 0
    for _ in range(400):
        hits = rng.multinomial(searches, chances)
        estimate = coverage_interval(hits)
        inside += estimate.low <= chances[hits > 0].sum() <= estimate.high
    assert 0.93 * 400 <= inside <= 0.995 * 400


# ---------------------------------------------------------------- at least so many


@pytest.mark.parametrize("draws", [5, 32, 500])
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_lower_bound_holds_whatever_the_chances(name, draws):
    """Chao1's log-normal lower end at 95 % exceeds the number in up to 45 % of the cases of these populations."""
    rng = np.random.default_rng(draws)
    chances = POPULATIONS[name] / POPULATIONS[name].sum()
    trials = 150
    found = [minima_at_least(rng.choice(chances.size, draws, p=chances)) for _ in range(trials)]
    assert sum(estimate.low <= chances.size for estimate in found) >= 0.93 * trials
    assert all(estimate.low <= estimate.value for estimate in found)
    assert all(estimate.high == np.inf for estimate in found)


def test_the_lower_bound_says_something():
    rng = np.random.default_rng(2)
    alike = minima_at_least(rng.integers(1000, size=1000))
    assert 800 < alike.low < 1000
    birthdays = minima_at_least(np.arange(100))  # all different: 100^2 / (2 log 40) at 97.5 %
    assert birthdays.low == pytest.approx(100**2 / (2 * np.log(40)), rel=0.05)
    few = np.where(rng.random(2000) < 0.9, 0, rng.integers(1, 1001, size=2000))
    assert minima_at_least(few).low > 1.5 * np.unique(few).size
    assert minima_at_least([3, 3, 3, 3]).low == 1


def distinct_exactly(minima, draws):
    """Probability of each number of distinct minima of so many, all alike, in so many draws."""
    chances = np.zeros(minima + 1)
    chances[0] = 1.0
    k = np.arange(minima + 1)
    for _ in range(draws):
        new = chances * k / minima
        new[1:] += chances[:-1] * (1 - k[:-1] / minima)
        chances = new
    return chances


@pytest.mark.parametrize(("minima", "draws"), [(3, 5), (10, 7), (10, 40), (50, 30), (200, 300), (1000, 60)])
def test_the_bound_for_the_number_of_distinct_minima_is_one(minima, draws):
    exact = np.cumsum(distinct_exactly(minima, draws)[::-1])[::-1]  # of so many or more
    exact = exact[: min(minima, draws) + 1]
    bounds = np.array([_chance_of_as_many(minima, d, draws) for d in range(exact.size)])
    assert (bounds >= exact - 1e-12).all()
    if draws > 20:
        assert bounds[exact < 0.02].max(initial=0.0) < 0.25


def test_unequal_chances_give_fewer_distinct_minima():
    """What the bound rests on, without chance: how many of three minima n draws find."""
    for p in ([0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [0.4, 0.35, 0.25]):
        for n in (2, 3, 6):
            words = np.array(list(product(range(3), repeat=n)))
            weights = np.prod(np.array(p)[words], axis=1)
            distinct = np.array([len(set(word)) for word in words.tolist()])
            alike = distinct_exactly(3, n)
            for d in (2, 3):
                assert weights[distinct >= d].sum() <= alike[d:].sum() + 1e-12


@pytest.fixture(scope="module")
def wells(tmp_path_factory):
    """128 minima whose basins have shares of 1e-6 to 0.05, and 300 random starts that serve for nothing else."""
    surface = DoubleWells(np.ones(7), [0.9, -0.8, 0.6, 0.3, -0.2, 0.1, 0.0])
    others = tmp_path_factory.mktemp("wells") / "others.db"
    estimate_minima(surface, others, starts=300, seed=9)
    with Database(others) as database:
        return surface, [database.minimum(number).point for number in database.found_by_random_starts().tolist()]


@pytest.mark.parametrize("starts", [60, 400])
def test_the_number_of_minima_of_a_surface_that_is_known(wells, starts, tmp_path):
    """The bound never exceeds it, and the coverage is the share of other random starts that end in known minima."""
    surface, others = wells
    found = estimate_minima(surface, tmp_path / "wells.db", starts=starts, seed=4)
    estimate = found.estimated_minima
    assert found.minima == found.random_minima <= estimate.low <= estimate.value
    assert estimate.low <= 128
    assert estimate.high == np.inf
    with Database(tmp_path / "wells.db") as database:
        known = np.mean([database.find_minimum(point) is not None for point in others])
        hits = np.unique(database.found_by_random_starts(), return_counts=True)[1]
    interval = coverage_interval(hits)
    assert found.coverage == interval
    reach = 3 * np.sqrt(0.25 / len(others))
    assert interval.low - reach <= known <= interval.high + reach


@settings(deadline=None)
@given(HITS)
def test_coverage_intervals_are_nested_and_never_without_width(hits):
    wide, narrow = coverage_interval(hits), coverage_interval(hits, 0.5)
    assert 0 <= wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high <= 1
    assert wide.value == good_turing_coverage(hits)
    assert wide.low < wide.high


def test_rarefaction_equals_simulation():
    rng = np.random.default_rng(8)
    found = np.repeat([3, 1, 4, 15, 9], [1, 2, 5, 9, 1])
    curve = discovery_curve(found)
    orders = [rng.permutation(found) for _ in range(4000)]
    mean = np.mean([[np.unique(order[:k]).size for k in curve.searches] for order in orders], axis=0)
    np.testing.assert_allclose(curve.expected, mean, atol=0.05)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 5), min_size=1, max_size=30))
def test_discovery_curve_is_exact_at_its_ends(found):
    curve = discovery_curve(found)
    assert curve.searches.tolist() == list(range(len(found) + 1))
    assert curve.observed.tolist() == [len(set(found[:k])) for k in curve.searches]
    assert curve.expected[[0, 1, -1]] == pytest.approx([0, 1, len(set(found))], abs=1e-9)
    assert (np.diff(curve.expected) >= -1e-9).all()


def test_discovery_curve_of_many_searches_is_short_or_as_asked():
    found = np.random.default_rng(9).integers(1000, size=10**5)
    curve = discovery_curve(found)
    assert curve.searches.size == 201
    assert curve.searches[-1] == found.size
    assert curve.expected[-1] == pytest.approx(1000)
    assert discovery_curve(found, [10, 100]).searches.tolist() == [10, 100]


def test_inputs_are_not_written_to():
    hits, found = np.array([1, 2, 3]), np.array([2, 1, 2])
    for array in (hits, found):
        array.flags.writeable = False
    chao1(hits)
    good_turing_coverage(hits)
    discovery_curve(found, found[1:])


@pytest.mark.parametrize("function", [chao1, good_turing_coverage, coverage_interval])
@pytest.mark.parametrize(
    ("hits", "message"),
    [
        ([], "hits must hold at least one hit; got 0 minima"),
        ([0, 0], "hits must hold at least one hit; got 2 minima"),
        ([1, -2], "hits must not be negative; entry 1 is -2"),
        ([1.5], "hits must be integers"),
        ([[1]], "hits must be integers of shape"),
    ],
)
def test_bad_hits_are_refused(function, hits, message):
    with pytest.raises(ValueError, match=message):
        function(hits)


def test_other_bad_arguments_are_refused():
    for confidence in (0, 1, 95, np.nan):
        with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
            chao1([1, 2], confidence)
        with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
            coverage_interval([1, 2], confidence)
        with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
            minima_at_least([1, 2], confidence)
    with pytest.raises(ValueError, match="at least one start"):
        minima_at_least([])
    with pytest.raises(ValueError, match="at least one search"):
        discovery_curve([])
    for searches in ([2, 1], [-1], [4]):
        with pytest.raises(ValueError, match=r"ascending within 0 \.\.\. 3"):
            discovery_curve([1, 2, 2], searches)


def test_discovery_plot():
    found = np.random.default_rng(3).integers(40, size=80)
    figure, (ax,) = new_figure(4.25, 3.8)
    assert plot_discovery(discovery_curve(found), ax, estimate=chao1(np.bincount(found)), title="H = 1") is ax
    assert flaws(figure) == []
    assert len(ax.lines) == 3
    assert ax.get_title() == "H = 1"
    assert ax.get_xlabel() == "searches"
    assert len(plot_discovery(discovery_curve(found), Figure().subplots()).lines) == 2
