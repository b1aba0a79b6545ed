from ._barrier_corrections import (
    anharmonic_coefficient as anharmonic_coefficient,
)
from ._harmonic_rates import (
    harmonic_rates as harmonic_rates,
)
from ._kinetic_monte_carlo import (
    RandomWalk as RandomWalk,
    random_walk as random_walk,
)
from ._master_equation import (
    committors as committors,
    first_passage_times as first_passage_times,
    occupations as occupations,
    same_minimum as same_minimum,
    stationary_distribution as stationary_distribution,
    transition_probabilities as transition_probabilities,
    two_time_mean as two_time_mean,
)
from ._rates import (
    Barriers as Barriers,
    RateNetwork as RateNetwork,
    exit_rates as exit_rates,
    langer_rates as langer_rates,
)
from ._superposition import (
    Superposition as Superposition,
    funnel_of as funnel_of,
    superposition as superposition,
)
