from ._curvature import (
    Curvature as Curvature,
    curvature as curvature,
)
from ._curvature_estimates import (
    CurvatureEstimates as CurvatureEstimates,
    estimate_curvature as estimate_curvature,
)
from ._gradient_noise import (
    GradientNoise as GradientNoise,
    gradient_noise as gradient_noise,
    minibatch_factor as minibatch_factor,
    per_sample_gradients as per_sample_gradients,
)
from ._noise_alignment import (
    EstimatedAlignment as EstimatedAlignment,
    NoiseAlignment as NoiseAlignment,
    effective_temperatures as effective_temperatures,
    estimate_alignment as estimate_alignment,
    noise_alignment as noise_alignment,
)
from ._spectral_density import (
    SpectralDensity as SpectralDensity,
    spectral_density as spectral_density,
)
