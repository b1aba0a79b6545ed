"""Stationary points, their certificates, their identity and the local geometry.

`certify` returns a `Minimum` or `TransitionState` if the exact Hessian says so: by its spectrum, above 1000 parameters
by its inertia. `same_point` decides whether two points are one, with tolerances that follow from their certificates.
`local_geometry` has curvatures and generalization.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
