from ._aging import (
    Aging as Aging,
    aging as aging,
)
from ._agreement import (
    Agreement as Agreement,
    agreement as agreement,
    at_lags as at_lags,
)
from ._analysis import (
    AgingAnalysis as AgingAnalysis,
    analyze_aging as analyze_aging,
)
from ._crossings import (
    Average as Average,
)
from ._crossover import (
    Crossover as Crossover,
    crossover_numbers as crossover_numbers,
)
from ._curve_scaling import (
    CurveScaling as CurveScaling,
    compare_curve_scaling as compare_curve_scaling,
)
from ._data_collapse import (
    Collapse as Collapse,
    collapse as collapse,
    learning_rate_collapse as learning_rate_collapse,
)
from ._exponent_test import (
    ExponentDifference as ExponentDifference,
    compare_exponents as compare_exponents,
)
from ._realizations import (
    BEND as BEND,
    ExponentSpread as ExponentSpread,
    Realizations as Realizations,
    compare_realizations as compare_realizations,
)
from ._regimes import (
    GeneralizedDiffusion as GeneralizedDiffusion,
    LocalSlope as LocalSlope,
    generalized_diffusion as generalized_diffusion,
    local_slope as local_slope,
)
from ._scaling_forms import (
    CLOSE_AIC as CLOSE_AIC,
    FormComparison as FormComparison,
    compare_forms as compare_forms,
)
from ._second_regime import (
    SecondRegime as SecondRegime,
    second_regime as second_regime,
)
from ._threshold_scan import (
    ThresholdScan as ThresholdScan,
    threshold_scan as threshold_scan,
)
from ._what_moves import (
    Control as Control,
    WhatMoves as WhatMoves,
    compare_with_control as compare_with_control,
    what_moves as what_moves,
)
