from . import (
    aging_times as aging_times,
    checkpoints as checkpoints,
    displacement as displacement,
    gradient_noise as gradient_noise,
    kernels as kernels,
    noises as noises,
    observables as observables,
    plots as plots,
    recording as recording,
    runs as runs,
    snapshots as snapshots,
    spectra as spectra,
    statistics as statistics,
    synthetic as synthetic,
    training as training,
)
from .aging_times import (
    Aging as Aging,
    aging as aging,
    analyze_aging as analyze_aging,
)
from .checkpoints import (
    displacement_of_checkpoints as displacement_of_checkpoints,
    find_checkpoints as find_checkpoints,
    import_runs as import_runs,
)
from .displacement import (
    MeanSquareDisplacement as MeanSquareDisplacement,
    mean_square_displacement as mean_square_displacement,
)
from .observables import (
    observe as observe,
)
from .recording import (
    Recorder as Recorder,
    RecordingSchedule as RecordingSchedule,
)
from .runs import (
    Trajectories as Trajectories,
    load_trajectories as load_trajectories,
)
from .spectra import (
    curvature as curvature,
)
from .training import (
    SGD as SGD,
    Adam as Adam,
    AdamW as AdamW,
    ModuleLoss as ModuleLoss,
    RMSprop as RMSprop,
    train as train,
    train_module as train_module,
)
