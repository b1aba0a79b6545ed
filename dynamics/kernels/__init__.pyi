from ._codegen import (
    LIMITS as LIMITS,
    is_wide as is_wide,
)
from ._kernels import (
    Kernel as Kernel,
    get_kernel as get_kernel,
)
