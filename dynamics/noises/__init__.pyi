from ._base import (
    Noise as Noise,
)
from ._epochs import (
    Epochs as Epochs,
)
from ._full import (
    Full as Full,
    draw_all as draw_all,
)
from ._gaussian import (
    Gaussian as Gaussian,
    GaussianReplacement as GaussianReplacement,
)
from ._langevin import (
    Langevin as Langevin,
)
from ._persistent import (
    Persistent as Persistent,
)
from ._random import (
    NOISE as NOISE,
    stream as stream,
    uniform as uniform,
)
from ._registry import (
    NOISES as NOISES,
    NoiseName as NoiseName,
    get_noise as get_noise,
    make_noise as make_noise,
)
from ._replacement import (
    Replacement as Replacement,
)
