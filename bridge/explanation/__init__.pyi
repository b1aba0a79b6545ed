from ._at_t_star import (
    changed_at_t_star as changed_at_t_star,
    known_at_t_star as known_at_t_star,
    nearest_lags as nearest_lags,
    runs_changed_at_t_star as runs_changed_at_t_star,
    shares_at_t_star as shares_at_t_star,
)
from ._decomposition import (
    PARTS as PARTS,
    Decomposition as Decomposition,
    decompose as decompose,
    decomposition_steps as decomposition_steps,
)
from ._descent import (
    descent_displacement as descent_displacement,
)
from ._escapes import (
    Escapes as Escapes,
    exponential_rate as exponential_rate,
    langevin_escapes as langevin_escapes,
)
from ._explanation import (
    Explanation as Explanation,
    Quenches as Quenches,
    explain as explain,
)
from ._hopping import (
    Hopping as Hopping,
    HoppingStatus as HoppingStatus,
    mean_of_covered as mean_of_covered,
    predict_hopping as predict_hopping,
    region_around as region_around,
)
from ._hopping_comparison import (
    HoppingComparison as HoppingComparison,
    ObservedHops as ObservedHops,
    compare_hopping as compare_hopping,
    mean_dwell_time as mean_dwell_time,
    observed_hops as observed_hops,
)
from ._kinetics import (
    EffectiveTemperatures as EffectiveTemperatures,
    JumpRates as JumpRates,
    PredictedJumps as PredictedJumps,
    exit_temperatures as exit_temperatures,
    ids_in_database as ids_in_database,
    jump_rates as jump_rates,
    predicted_jumps as predicted_jumps,
    temperatures_at as temperatures_at,
)
from ._relaxation import (
    Relaxation as Relaxation,
    harmonic_displacement as harmonic_displacement,
    relaxation as relaxation,
)
