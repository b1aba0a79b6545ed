"""Downhill paths by SciPy's Radau, which shares only the loss with the flow of the searches."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import Radau

from landscape.descent._downhill import push_off
from landscape.descent._newton import newton
from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, InertiaModel, LocalModel, Minimum, certificate, local_model
from landscape.support import one_thread

Array = NDArray[np.float64]

PUSH_SHARE = 0.3  # share of the push of the searches, straight along the mode
NEAR = 1e-3  # share of the distance to the transition state at which Newton's method may take over
MAX_STEPS = 3_000  # usually 100 to 200


def radau_end(loss: Loss, model: LocalModel | InertiaModel, sign: float, *, rtol: float) -> Minimum | None:
    """The minimum that the path down from the transition state at a model's point, `sign` times its mode, leads to."""
    with one_thread():
        return radau_flow(loss, push_off(loss, model, sign, share=PUSH_SHARE, bent=False), model.point, rtol=rtol)


def radau_flow(loss: Loss, start: Array, origin: Array, *, rtol: float) -> Minimum | None:
    """The minimum that the gradient flow from `start` (P,) leads to; None if it leads to none.

    Radau IIA of order 5 with the exact Jacobian -Hessian at relative tolerance `rtol`, until the quadratic model
    predicts the minimum within `NEAR` times the distance to `origin` (P,), such as the saddle that the path comes
    from.
    """
    size = float(np.linalg.norm(origin)) / np.sqrt(start.size)
    solver = Radau(
        lambda _, theta: -loss.value_and_gradient(theta)[1],
        0.0,
        start,
        np.inf,
        rtol=rtol,
        atol=rtol * 1e-2 * max(size, float(np.linalg.norm(start - origin))),
        jac=lambda _, theta: -loss.value_gradient_hessian(theta)[2],  # pyright: ignore[reportArgumentType]
    )
    for _ in range(MAX_STEPS):
        with warnings.catch_warnings(action="ignore"):  # of an LU factorization that is not used
            try:
                solver.step()
                end = _near_minimum(loss, solver.y, origin)
            except (FloatingPointError, ValueError):  # the loss or SciPy's step is not finite there
                return None
        if end is not None or solver.status != "running":
            return end
    return None


def _near_minimum(loss: Loss, theta: Array, top: Array) -> Minimum | None:
    here = local_model(loss, theta)
    if here.eigenvalues[0] <= 0.0:
        return None
    way = float(np.linalg.norm(here.projections / here.eigenvalues))
    if way > NEAR * float(np.linalg.norm(theta - top)) and here.rms_gradient > GRADIENT_TOLERANCE:
        return None
    modes = loss.zero_modes
    start = local_model(loss, theta - modes.T @ (modes @ theta)) if len(modes) else here
    end, _ = newton(loss, start, tolerance=GRADIENT_TOLERANCE, radius=max(2.0 * way, 1e-12))
    point = certificate(loss, end)
    return point if isinstance(point, Minimum) and end.rms_gradient <= GRADIENT_TOLERANCE else None
