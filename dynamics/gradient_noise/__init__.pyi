from ._alignment import (
    NoiseAlignment as NoiseAlignment,
    noise_alignment as noise_alignment,
)
from ._covariance import (
    GradientNoise as GradientNoise,
    gradient_noise as gradient_noise,
    gradient_variance as gradient_variance,
    minibatch_factor as minibatch_factor,
    per_sample_gradients as per_sample_gradients,
)
from ._effective_temperature import (
    effective_temperatures as effective_temperatures,
)
from ._estimated_alignment import (
    EstimatedAlignment as EstimatedAlignment,
    estimate_alignment as estimate_alignment,
)
from ._tail_index import (
    TailIndex as TailIndex,
    inverted as inverted,
    tail_index as tail_index,
)
