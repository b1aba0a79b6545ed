from ._common import (
    at_common_steps as at_common_steps,
)
from ._loss import (
    check_described as check_described,
    loss_of_runs as loss_of_runs,
    undescribed as undescribed,
)
from ._moments import (
    MOMENTS as MOMENTS,
    displacement_moments as displacement_moments,
    nan_moments as nan_moments,
)
from ._parameters import (
    Parameter as Parameter,
    mlp_parameters as mlp_parameters,
    parameters_to_text as parameters_to_text,
    sizes_of as sizes_of,
)
from ._runs_file import (
    FORMAT as FORMAT,
    FORMAT_VERSION as FORMAT_VERSION,
    PER_REPLICA as PER_REPLICA,
    SHARED as SHARED,
    TEST_CURVES as TEST_CURVES,
    check_metadata as check_metadata,
    check_numbers as check_numbers,
    check_shapes as check_shapes,
)
from ._settings import (
    check_alike as check_alike,
    check_control as check_control,
    check_loss_settings as check_loss_settings,
    optimizer_in_words as optimizer_in_words,
    optimizer_of as optimizer_of,
    with_defaults as with_defaults,
)
from ._times import (
    WAITING_TIMES as WAITING_TIMES,
    Steps as Steps,
    check_grid as check_grid,
    check_times as check_times,
    curve_steps as curve_steps,
    default_waiting_times as default_waiting_times,
    grid_of as grid_of,
    log_lags as log_lags,
    snapshot_steps as snapshot_steps,
    spaced as spaced,
    two_time_grid as two_time_grid,
)
from ._trajectories import (
    Trajectories as Trajectories,
    load_trajectories as load_trajectories,
)
from ._writing import (
    write_trajectories as write_trajectories,
)
