"""The runs that several claims share: those of the figures, on several realizations of the data."""

from dataclasses import replace

from bridge.figures import FIGURES, Ensemble, ScaleName
from dynamics.noises import Full, Replacement
from dynamics.runs import WAITING_TIMES

OTHER_DRAWS = 24  # runs on each realization but the first
VARIED = 12  # runs that are compared with others that differ in one setting, full-batch descent among them
SHORT = 30_000  # steps: every t* of the six waiting times is reached
WIDTH_RUNS = 40
ROW_RUNS = 6  # runs for each N on each realization but the first
FEW_ROWS, MANY_ROWS = 316, 3162
PHASES = (1, 3, 10, 30, 100, 300, 10_000, 14_000, 20_000)  # steps at which updates are compared
BATCH_SIZES, LEARNING_RATES = (50, 200), (0.025, 0.1)
CHAINS = ((1,), (1, 1), (1, 1, 1))


def depths(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The three depths of figure 2."""
    return tuple(_on(one, draw, OTHER_DRAWS) for one in FIGURES["fig2"].ensembles(scale))


def mnist_depths(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The three depths of figure 5; there is one realization of MNIST."""
    return FIGURES["fig5"].ensembles(scale)


def mnist_widths(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The six widths of figure 6, as long as t* needs it."""
    return tuple(one.at_most(WIDTH_RUNS, SHORT) for one in FIGURES["fig6"].ensembles(scale))


def rows_and_depths(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Three depths, four numbers of rows, of figure A2."""
    return tuple(_on(one, draw, ROW_RUNS) for one in FIGURES["figA2"].ensembles(scale))


def three_layers_by_rows(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Three hidden layers, from the fewest rows (largest alpha = P/N) to the most."""
    return tuple(one for one in rows_and_depths(scale, draw) if len(one.hidden) == 3)


def gradients(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The three depths of figure A3."""
    return tuple(_on(one, draw, OTHER_DRAWS) for one in FIGURES["figA3"].ensembles(scale))


def gradients_by_rows(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Two and three hidden layers on few and many rows; no epochs, whose length would differ."""
    first = (one.at_most(VARIED, SHORT) for one in depths(scale, draw)[1:])
    return tuple(
        replace(one, rows=rows, noise=Replacement(), dataset_seed=draw)
        for one in first
        for rows in (FEW_ROWS, MANY_ROWS)
    )


def phases(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The three depths, with snapshots of single steps in both phases."""
    return tuple(replace(one, waiting_times=PHASES) for one in varied(scale, draw))


def varied(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """The three depths, as many and as short as those that differ in one setting."""
    return tuple(one.at_most(VARIED, SHORT) for one in depths(scale, draw))


def batches(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """`varied`, then with half and twice the batch."""
    base = varied(scale, draw)
    return base + tuple(replace(one, batch_size=size) for size in BATCH_SIZES for one in base)


def rates(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """`varied`, then with half and twice the learning rate, with waiting times in proportion to 1 / rate as well."""
    base = varied(scale, draw)
    return base + tuple(_with_rate(one, rate) for rate in LEARNING_RATES for one in base)


def controls(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """`VARIED` runs of SGD and of full-batch descent from the same starts, of each depth."""
    base = tuple(one.at_most(VARIED, SHORT) for one in depths(scale, draw))
    return base + tuple(replace(one, noise=Full()) for one in base)


def chains(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Chains of one unit a layer with 11, 13 and 15 parameters, as long as in the paper."""
    (three,) = FIGURES["fig3"].ensembles("paper")
    return tuple(replace(three.at_most(OTHER_DRAWS), hidden=hidden, dataset_seed=draw) for hidden in CHAINS)


def hessians(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Two hidden layers on LJAT-like data, of figures 7 and A1."""
    return (_on(FIGURES["fig7"].ensembles(scale)[0].at_most(VARIED), draw, VARIED),)


def mnist_hessians(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Two hidden layers on MNIST, of figures 7 and A1; at the quick scale on fewer rows."""
    return (FIGURES["fig7"].ensembles(scale)[1],)


def hessians_of_controls(scale: ScaleName, draw: int) -> tuple[Ensemble, ...]:
    """Two hidden layers, SGD and full-batch descent."""
    return tuple(one for one in controls(scale, draw) if len(one.hidden) == 2)


def scaled_times(times: tuple[int, ...], rate: float, of: float) -> tuple[int, ...]:
    """Waiting times at which runs of another learning rate have come as far."""
    return tuple(round(time * of / rate) for time in times)


def _with_rate(one: Ensemble, rate: float) -> Ensemble:
    scaled = scaled_times(WAITING_TIMES, rate, one.learning_rate)
    steps = round(one.steps * max(1.0, one.learning_rate / rate))
    return replace(one, learning_rate=rate, steps=steps, waiting_times=tuple(sorted({*WAITING_TIMES, *scaled})))


def _on(one: Ensemble, draw: int, most: int) -> Ensemble:
    """An ensemble on a realization: all of its runs on the first, fewer and short ones on the others."""
    return one if draw == 0 else replace(one.at_most(most, SHORT), dataset_seed=draw)
