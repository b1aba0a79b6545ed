"""The claims of the paper. To add one, write what measures it and add a `Claim` here."""

from bridge.claims import _aging_times, _curvature, _ensembles, _landscapes, _phases
from bridge.claims._claim import Claim
from bridge.claims._criteria import Above, Below, Beyond, Within

SAME = 0.1  # our margin: difference of two mu below which they are the same
PAPERS = "t* is the mean over the runs"
LATE = f"tw = {_aging_times.LATE[0]} to {_aging_times.LATE[-1]}, behind the bend; {PAPERS}"
OF_FIGURE_6 = "Delta* = 10^-3, the paper's for MNIST in figure 6"

GLASSINESS = (
    Claim(
        "aging",
        "section 3, figure 2",
        "Time-translation invariance is broken: the motion slows down with age, whatever the architecture.",
        f"ln of the factor by which t* grows from tw = 1300 to 10000, {PAPERS}",
        Above(0.0),
        _ensembles.depths,
        _aging_times.growths,
    ),
    Claim(
        "aging_mnist",
        "section 3, figure 5",
        "On MNIST, too, the motion slows down with age, whatever the architecture.",
        "ln of the factor by which t* grows from tw = 1300 to 10000",
        Above(0.0),
        _ensembles.mnist_depths,
        _aging_times.mnist_growths,
        remark=OF_FIGURE_6,
        draws=1,
        data="MNIST",
    ),
    Claim(
        "noise",
        "section 4",
        "It is the interplay of the landscape with stochastic gradient descent that leads to glassy features.",
        "mu of SGD less that of full-batch descent from the same starts",
        Beyond(SAME),
        _ensembles.controls,
        _aging_times.controlled,
        remark="the control without noise; if it ages alike, the slope is enough",
    ),
    Claim(
        "subaging",
        "abstract, section 3, figure 2d",
        "t* grows more slowly than the waiting time, asymptotically: subaging.",
        f"mu, {LATE}",
        Below(1.0),
        _ensembles.depths,
        _aging_times.late_exponents,
    ),
    Claim(
        "subaging_mnist",
        "abstract, figure 5d",
        "On MNIST, too, there is subaging.",
        "mu",
        Below(1.0),
        _ensembles.mnist_depths,
        _aging_times.mnist_exponents,
        remark=OF_FIGURE_6,
        draws=1,
        data="MNIST",
    ),
    Claim(
        "chains",
        "section 3, figure 3, appendix 5.1",
        "Chains of 11, 13 and 15 parameters show the same features.",
        "ln of the factor by which t* grows from tw = 1300 to 10000",
        Above(0.0),
        _ensembles.chains,
        _aging_times.chain_growths,
        remark="the paper shows 15 parameters only",
    ),
)
INDEPENDENCE = (
    Claim(
        "learning_rate",
        "section 2",
        "The results do not depend on the learning rate.",
        f"mu at half and twice the rate less that at 0.05, behind the bend, tw in proportion to 1 / rate; {PAPERS}",
        Within(SAME),
        _ensembles.rates,
        _aging_times.by_rate,
    ),
    Claim(
        "batch_size",
        "section 2",
        "The results do not depend on the batch size.",
        f"mu at half and twice the batch less that at B = 100, {LATE}",
        Within(SAME),
        _ensembles.batches,
        _aging_times.by_batch,
    ),
    Claim(
        "threshold",
        "section 3, figure 2a to c",
        "There is a window of Delta* in which mu does not, or only weakly, depend on Delta*.",
        "mu at Delta* = 0.001 and 0.003 less that at 0.01, over all waiting times",
        Within(SAME),
        _ensembles.depths,
        _aging_times.by_threshold,
        remark="a window of one decade, which ends at the paper's Delta*",
    ),
    Claim(
        "depth",
        "abstract, section 3, figure 2d",
        "The exponent is the same for all depths at fixed alpha = P/N.",
        f"differences of mu, {LATE}",
        Within(SAME),
        _ensembles.depths,
        _aging_times.by_depth,
    ),
    Claim(
        "depth_mnist",
        "abstract, section 3, figure 5d",
        "On MNIST, too, the exponent is the same for all depths.",
        "differences of mu",
        Within(SAME),
        _ensembles.mnist_depths,
        _aging_times.by_mnist_depth,
        remark=OF_FIGURE_6,
        draws=1,
        data="MNIST",
    ),
    Claim(
        "alpha_mnist",
        "abstract, section 3, figure 6",
        "One exponent holds over the whole underparametrized phase, for MNIST.",
        "mu of wider networks less that at the smallest alpha",
        Within(SAME),
        _ensembles.mnist_widths,
        _aging_times.by_width,
        draws=1,
        data="MNIST",
    ),
    Claim(
        "alpha",
        "abstract (claimed for MNIST only)",
        "One exponent holds over alpha, for LJAT19 as well.",
        f"mu of 4,4,4 at smaller alpha less that at the largest, {LATE}",
        Within(SAME),
        _ensembles.three_layers_by_rows,
        _aging_times.by_rows,
        remark="alpha is varied by N = 316 to 10000; the paper does not claim it",
    ),
)
PHASES = (
    Claim(
        "first_phase",
        "section 3",
        "In the first phase, in which learning is fast, consecutive updates are aligned.",
        "mean cosine of consecutive updates at the start and where the loss falls from the plateau",
        Above(0.5),
        _ensembles.phases,
        _phases.aligned_first,
        remark="1/2: drift and noise of an update are equal; at step 300 the loss falls fastest",
    ),
    Claim(
        "second_phase",
        "section 3",
        "In the second phase, updates have all directions.",
        "mean cosine of consecutive updates from step 10^4 on",
        Below(0.1),
        _ensembles.phases,
        _phases.aligned_second,
        remark="minibatches without replacement make updates within an epoch anticorrelated",
    ),
    Claim(
        "approach",
        "section 3, figure 2",
        "At long lags the displacement curves of different waiting times approach each other.",
        "distance (ln of the ratio) of the curves of tw = 1300 and 10000 at the last lag up to 20000 less that at 1000",
        Below(0.0),
        _ensembles.depths,
        _phases.approach,
    ),
    Claim(
        "bend",
        "section 3, figure 2d",
        "The bend of t* near tw = 10^3.6 comes from the regions of high loss, the plateau.",
        "bend (mu before less mu behind 10^3.6) of the half of the runs that leaves the plateau later less the other's",
        Above(0.0),
        _ensembles.depths,
        _phases.bend_by_plateau,
        remark="if the plateau makes the bend, runs that leave it later bend more",
    ),
)
LANDSCAPES = (
    Claim(
        "minima_and_rows",
        "section 2",
        "Few data: many minima for several layers, few for one; many data: few for all.",
        "ln of the ratio of the numbers of minima that equally many searches find",
        Above(0.0),
        lambda scale, draw: (),
        _landscapes.minima_and_rows,
        draws=3,
        remark="more searches find more minima of the deep networks, so the ratios are lower bounds",
        extra_seconds=lambda scale: {"quick": 50.0, "paper": 200.0}[scale],  # of the searches, which funnels shares
    ),
    Claim(
        "funnels",
        "section 2",
        "Few data: one layer has a funnel, several layers have none; many data: all have one.",
        "difference of the shares of minima that climb at most a tenth of the range on their way to the global minimum",
        Above(0.0),
        lambda scale, draw: (),
        _landscapes.funnels,
        draws=3,
        remark="minima without a known connection count as not funneled",
    ),
)
CURVATURE = (
    Claim(
        "gradient_depth",
        "appendix 5.3, figure A3",
        "The deeper the network, the larger are the late fluctuations of the gradient.",
        "ln of the ratio of the rms after step 10^4 of the norm of the gradient",
        Above(0.0),
        _ensembles.gradients,
        _curvature.gradient_by_depth,
        extra_seconds=lambda scale: {"quick": 3.0, "paper": 12.0}[scale],
    ),
    Claim(
        "gradient_minima",
        "appendix 5.3",
        "The reason is that deeper networks have more minima.",
        "ln of the ratio of that rms at N = 316 (many minima) and N = 3162 (few), at the same depth",
        Above(0.0),
        _ensembles.gradients_by_rows,
        _curvature.gradient_by_minima,
        remark="if minima are the reason, fewer of them at the same depth make it smaller; N may act otherwise, too",
    ),
    Claim(
        "fewer_negative",
        "section 3, appendix 5.2, figures 7 and A1",
        "The number of negative eigenvalues of the Hessian decreases in training.",
        "number at the end less that at the start",
        Below(0.0),
        _ensembles.hessians,
        _curvature.fewer_negative,
    ),
    Claim(
        "fewer_negative_mnist",
        "section 3, appendix 5.2, figures 7 and A1",
        "On MNIST, too, the number of negative eigenvalues decreases.",
        "number at the end less that at the start",
        Below(0.0),
        _ensembles.mnist_hessians,
        _curvature.fewer_negative_mnist,
        remark="one run",
        extra_seconds=lambda scale: {"quick": 60.0, "paper": 200.0}[scale],
        draws=1,
        data="MNIST",
    ),
    Claim(
        "some_negative",
        "section 3, figure 7",
        "The negative eigenvalues do not disappear.",
        "mean number at the end",
        Above(1.0),
        _ensembles.hessians,
        _curvature.some_negative,
    ),
    Claim(
        "some_negative_mnist",
        "section 3, figure 7",
        "On MNIST, too, the negative eigenvalues do not disappear.",
        "number at the end",
        Above(1.0),
        _ensembles.mnist_hessians,
        _curvature.some_negative_mnist,
        remark="one run",
        draws=1,
        data="MNIST",
    ),
    Claim(
        "negative_by_noise",
        "section 3, figure 7",
        "That they do not disappear is a consequence of the noise of SGD.",
        "half the number of SGD less that of full-batch descent from the same starts, at step 30000",
        Above(0.0),
        _ensembles.hessians_of_controls,
        _curvature.negative_by_noise,
        remark="the noise is the reason if at least half of them are gone without it",
    ),
    Claim(
        "trace",
        "appendix 5.2, figure A2",
        "Tr(H)/N and the generalization error are positively correlated.",
        "correlation over three depths and four N",
        Above(0.0),
        _ensembles.rows_and_depths,
        _curvature.trace_and_error,
        extra_seconds=lambda scale: 30.0,
    ),
    Claim(
        "trace_given_rows",
        "appendix 5.2, figure A2",
        "It is the curvature that generalizes, not only N, by which Tr(H)/N is divided.",
        "the same correlation of what is left after lines through 1/N",
        Above(0.0),
        _ensembles.rows_and_depths,
        _curvature.trace_and_error_given_rows,
        remark="the paper does not separate the two",
    ),
)
CLAIMS: dict[str, Claim] = {
    claim.name: claim for claim in (*GLASSINESS, *INDEPENDENCE, *PHASES, *LANDSCAPES, *CURVATURE)
}


def chosen_claims(names: str | None = None) -> tuple[Claim, ...]:
    """All claims, or those whose names are given, separated by commas; ValueError for another name."""
    if names is None:
        return tuple(CLAIMS.values())
    chosen = [name.strip() for name in names.split(",")]
    for name in chosen:
        if name not in CLAIMS:
            msg = f"claim must be some of {', '.join(CLAIMS)}; got {name!r}"
            raise ValueError(msg)
    return tuple(CLAIMS[name] for name in dict.fromkeys(chosen))
