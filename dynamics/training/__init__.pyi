from ._adaptive import (
    Adam as Adam,
    AdamW as AdamW,
    RMSprop as RMSprop,
)
from ._choice import (
    OPTIMIZERS as OPTIMIZERS,
    make_optimizer as make_optimizer,
    optimizer_of_noise as optimizer_of_noise,
    optimizer_of_runs as optimizer_of_runs,
)
from ._ensemble import (
    check_arguments as check_arguments,
    train as train,
    warn_of_large_minibatches as warn_of_large_minibatches,
)
from ._optimizers import (
    Optimizer as Optimizer,
)
from ._schedules import (
    Constant as Constant,
    Cosine as Cosine,
    Power as Power,
    Schedule as Schedule,
    StepDecay as StepDecay,
    Warmup as Warmup,
    parse_schedule as parse_schedule,
)
from ._sgd import (
    SGD as SGD,
)
from ._starts import (
    Glorot as Glorot,
    Normal as Normal,
    Points as Points,
    Start as Start,
    parse_start as parse_start,
)
from ._torch_replicas import (
    ModuleLoss as ModuleLoss,
    check_for_module as check_for_module,
    train_module as train_module,
)
