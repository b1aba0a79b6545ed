from ._curvature import (
    Curvature as Curvature,
    curvature as curvature,
)
from ._curvature_estimates import (
    CurvatureEstimates as CurvatureEstimates,
    estimate_curvature as estimate_curvature,
)
from ._spectral_density import (
    SpectralDensity as SpectralDensity,
    spectral_density as spectral_density,
)
