from ._backpropagation import (
    gradient_over_rows as gradient_over_rows,
    gradients_of_rows as gradients_of_rows,
)
from ._declared import (
    check_declared as check_declared,
)
from ._held_out import (
    HeldOutLoss as HeldOutLoss,
    held_out_loss as held_out_loss,
)
from ._kinds import (
    LOSSES as LOSSES,
    CrossEntropyLoss as CrossEntropyLoss,
    LogisticLoss as LogisticLoss,
    SquaredErrorLoss as SquaredErrorLoss,
    loss_kind as loss_kind,
)
from ._mlp_loss import (
    MLPLoss as MLPLoss,
    check_regularization as check_regularization,
)
from ._module_checks import (
    check_outputs as check_outputs,
    check_vmap as check_vmap,
    derivative_problem as derivative_problem,
)
from ._module_source import (
    LoadedModule as LoadedModule,
    ModuleSource as ModuleSource,
    declared_spec as declared_spec,
    load_module as load_module,
    of_module as of_module,
)
from ._modules import (
    FlatModule as FlatModule,
    initialized as initialized,
)
from ._of_outputs import (
    LossOfOutputs as LossOfOutputs,
)
from ._outputs import (
    HEADS as HEADS,
    Head as Head,
)
from ._protocol import (
    Loss as Loss,
)
from ._rounding import (
    DEVIATIONS as DEVIATIONS,
    UNIT as UNIT,
    Rounding as Rounding,
    rounding_of_norms as rounding_of_norms,
    sign_rounding as sign_rounding,
)
from ._searchable import (
    check_searchable as check_searchable,
)
from ._sizes import (
    LARGE as LARGE,
    WIDE as WIDE,
)
from ._surfaces import (
    DoubleWells as DoubleWells,
    KnownPoints as KnownPoints,
    MuellerBrown as MuellerBrown,
    Surface as Surface,
)
from ._torch_loss import (
    DataLoss as DataLoss,
    TorchLoss as TorchLoss,
)
from ._torch_means import (
    MEANS as MEANS,
)
from ._watched import (
    CALL_KINDS as CALL_KINDS,
    GRACE as GRACE,
    OutOfTime as OutOfTime,
    Watch as Watch,
    calls_made as calls_made,
    watched as watched,
)
