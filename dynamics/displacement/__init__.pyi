from ._layers import (
    LayerDisplacement as LayerDisplacement,
    layer_displacement as layer_displacement,
)
from ._modulo_symmetry import (
    SymmetricDisplacement as SymmetricDisplacement,
    displacement_modulo_symmetry as displacement_modulo_symmetry,
    mean_square_distances as mean_square_distances,
)
from ._motion import (
    DisplacementSplit as DisplacementSplit,
    SplitMethod as SplitMethod,
    difference_speed as difference_speed,
    gradient_speed as gradient_speed,
    split_displacement as split_displacement,
)
from ._msd import (
    MeanSquareDisplacement as MeanSquareDisplacement,
    check_times_of as check_times_of,
    mean_square_displacement as mean_square_displacement,
    of_known as of_known,
)
from ._non_gaussian import (
    NonGaussian as NonGaussian,
    non_gaussian as non_gaussian,
)
from ._outputs import (
    check_data as check_data,
    output_displacement as output_displacement,
)
from ._pairs import (
    known_mean as known_mean,
    recorded_pairs as recorded_pairs,
)
from ._susceptibility import (
    Susceptibility as Susceptibility,
    susceptibility as susceptibility,
)
from ._tables import (
    TABLES as TABLES,
    is_displacement_table as is_displacement_table,
    read_displacement as read_displacement,
)
from ._van_hove import (
    VanHove as VanHove,
    van_hove as van_hove,
)
