from ._aging import (
    ANALYSIS_PANELS as ANALYSIS_PANELS,
    STATUS_MARKS as STATUS_MARKS,
    interval_bars as interval_bars,
    interval_text as interval_text,
    mu_bars as mu_bars,
    mu_text as mu_text,
    over_waiting_times as over_waiting_times,
    plot_aging as plot_aging,
    plot_analysis as plot_analysis,
    plot_collapse as plot_collapse,
    plot_diffusion as plot_diffusion,
    plot_forms as plot_forms,
    plot_local_slope as plot_local_slope,
    plot_loss as plot_loss,
    plot_msd as plot_msd,
    plot_threshold_scan as plot_threshold_scan,
    plot_what_moves as plot_what_moves,
)
from ._colors import (
    COLORS as COLORS,
    ordered_colors as ordered_colors,
    sequential_colors as sequential_colors,
)
from ._curvature import (
    CURVATURE_PANELS as CURVATURE_PANELS,
    plot_curvature as plot_curvature,
    plot_gradient as plot_gradient,
    plot_negative as plot_negative,
    plot_spectra as plot_spectra,
    symmetric_log as symmetric_log,
)
from ._observables import (
    plot_alignment as plot_alignment,
    plot_alpha_2 as plot_alpha_2,
    plot_chi_4 as plot_chi_4,
    plot_gradients as plot_gradients,
    plot_layers as plot_layers,
    plot_observables as plot_observables,
    plot_onsets as plot_onsets,
    plot_outputs as plot_outputs,
    plot_overlap as plot_overlap,
    plot_scaling as plot_scaling,
    plot_second_regime as plot_second_regime,
    plot_symmetric as plot_symmetric,
    plot_tails as plot_tails,
    plot_test_loss as plot_test_loss,
    plot_van_hove as plot_van_hove,
)
from ._realizations import (
    EXPONENT_PANELS as EXPONENT_PANELS,
    plot_exponents as plot_exponents,
    plot_spread as plot_spread,
)
