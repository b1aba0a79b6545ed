"""Minimization by products with the Hessian: Newton's step by conjugate gradients, within a trust radius.

Steihaug, SIAM J. Numer. Anal. 20, 626 (1983): conjugate gradients stop at the radius, and along a direction of negative
curvature they go there. No Hessian and no eigenproblem is needed, so that thousands of parameters are not too many.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.stationary import Factorization, metric_at, products_of, value_noise

Array = NDArray[np.float64]
Product = Callable[[Array], Array]

FIRST_RADIUS = 0.5
LOOSEST = 0.1  # residual of conjugate gradients, relative to the gradient; falls with the root of the rms gradient
MOST_PRODUCTS = 1000  # of one step
FEWEST_PRODUCTS = 100  # of one step, after which factors of a Hessian are worth their cost
MAX_REJECTIONS = 8  # in a row, if only rounding is left
POOR, EXCELLENT = 0.25, 0.75  # actual over predicted fall
WORTH = 1e-4  # the same, of an accepted step


@dataclass(frozen=True, eq=False)
class Newton:
    """Newton's step (P,) as far as conjugate gradients went, the fall of the loss that it predicts, and its cost."""

    step: Array
    fall: float
    products: int


@dataclass(frozen=True, eq=False)
class Walked:
    """End of a minimization by products."""

    point: Array
    value: float
    gradient: Array
    evaluations: int  # gradients and products
    hessians: int

    @property
    def rms_gradient(self) -> float:
        """|gradient| / sqrt(P)."""
        return float(np.linalg.norm(self.gradient) / np.sqrt(self.gradient.size))


def conjugate_gradients(
    product: Product,
    gradient: Array,
    *,
    radius: float = np.inf,
    tolerance: float,
    most: int = MOST_PRODUCTS,
    precondition: Product | None = None,
) -> Newton:
    """Minimizer of the quadratic model within `radius`, to a residual of `tolerance` times the gradient (P,)."""
    step, image, residual = np.zeros_like(gradient), np.zeros_like(gradient), -gradient
    target, products, square, way = tolerance * np.linalg.norm(gradient), 0, 1.0, np.zeros_like(gradient)
    while np.linalg.norm(residual) > target and products < most:
        turned = residual if precondition is None else precondition(residual)
        square, before = float(residual @ turned), square
        way = turned + square / before * way
        along = product(way)
        products += 1
        curvature = float(way @ along)
        size = square / curvature if curvature > 0.0 else np.inf
        outside = not np.isfinite(size) or np.linalg.norm(step + size * way) >= radius
        if outside:
            if not np.isfinite(radius):  # no minimizer
                break
            size = _to_the_edge(step, way, radius)
        step, image = step + size * way, image + size * along
        if outside:
            break
        residual = residual - size * along
    return Newton(step, -float(gradient @ step + 0.5 * step @ image), products)


def _to_the_edge(step: Array, way: Array, radius: float) -> float:
    """How many times `way` (P,) leads from a step to the trust radius."""
    a, b, c = float(way @ way), float(step @ way), float(step @ step) - radius**2
    return (np.sqrt(max(b * b - a * c, 0.0)) - b) / a


def truncated_newton(
    loss: Loss,
    theta: Array,
    *,
    tolerance: float,
    max_step: float,
    most: int,
    max_norm: float = np.inf,
    factorize: bool = True,
) -> Walked:
    """Minimize from `theta` (P,) to an rms gradient of `tolerance`.

    Ends earlier after `most` gradients and products, beyond `max_norm`, or if rounding prevents further progress; and,
    unless it may `factorize`, after a step that takes more products than a Hessian costs.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the beginning.
    """
    value, gradient = loss.value_and_gradient(theta)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        msg = f"the loss is not finite at a point with |theta| = {np.linalg.norm(theta):.3g}"
        raise FloatingPointError(msg)
    here, radius, rejections, metric = Walked(theta, value, gradient, 1, 0), min(FIRST_RADIUS, max_step), 0, None
    while here.rms_gradient > tolerance and here.evaluations < most and rejections <= MAX_REJECTIONS:
        allowed = most - here.evaluations
        newton, metric, renewed = _newton(
            loss, here, radius, metric, allowed if factorize else min(allowed, most_products(theta.size))
        )
        cost = here.evaluations + newton.products + 1, here.hessians + renewed
        length = float(np.linalg.norm(newton.step))
        value, gradient = loss.value_and_gradient(here.point + newton.step)
        curvature = 2.0 * newton.fall / max(length**2, np.finfo(float).tiny)
        if newton.fall < value_noise(here.value, curvature, float(np.linalg.norm(here.point))):
            accepted, ratio = bool(gradient @ gradient < here.gradient @ here.gradient), 1.0
            rejections = 0 if accepted else rejections + 1
        else:  # the loss can resolve it
            ratio = (here.value - value) / newton.fall
            accepted = bool(ratio > WORTH)
        if not (accepted and ratio >= POOR):
            radius = POOR * length
        elif ratio > EXCELLENT and length > 0.9 * radius:
            radius = min(2.0 * radius, max_step)
        reached = (here.point + newton.step, value, gradient) if accepted else (here.point, here.value, here.gradient)
        here = Walked(*reached, *cost)
        if np.linalg.norm(here.point) > max_norm or (not factorize and newton.products >= most_products(theta.size)):
            break
    return here


def most_products(size: int) -> int:
    """Of one step without factors: about the cost of a Hessian of `size` parameters."""
    return max(FEWEST_PRODUCTS, size // 10)


def _newton(
    loss: Loss, here: Walked, radius: float, metric: Factorization | None, most: int
) -> tuple[Newton, Factorization | None, int]:
    """Newton's step, the metric that preconditioned it, and how many Hessians that cost."""
    limits = {"radius": radius, "tolerance": min(LOOSEST, np.sqrt(here.rms_gradient)), "most": most}
    return inexact_step(loss, here.point, products_of(loss, here.point), here.gradient, metric=metric, **limits)


def inexact_step(
    loss: Loss,
    point: Array,
    product: Product,
    gradient: Array,
    *,
    metric: Factorization | None = None,
    radius: float,
    tolerance: float,
    most: int = MOST_PRODUCTS,
    across: Array | None = None,
) -> tuple[Newton, Factorization | None, int]:
    """Conjugate gradients, with factors of the Hessian at `point` (P,) where they take many products.

    With `across` (P,), a unit vector, the step stays perpendicular to it.

    Returns
    -------
    newton : Newton
    metric : Factorization or None
        What preconditioned it, for the next step.
    hessians : int
        Number of Hessians, 0 or 1.
    """
    limit = most_products(point.size) if metric is None else FEWEST_PRODUCTS
    if across is not None:
        product, gradient = _perpendicular(product, across), gradient - (across @ gradient) * across
    first = conjugate_gradients(
        product, gradient, radius=radius, tolerance=tolerance, most=min(limit, most),
        precondition=_inverse(metric, across),
    )  # fmt: skip
    if first.products < limit or most <= limit:
        return first, metric, 0
    metric, rest = metric_at(loss, point), min(MOST_PRODUCTS, most - limit)
    second = conjugate_gradients(
        product, gradient, radius=radius, tolerance=tolerance, most=rest, precondition=_inverse(metric, across)
    )
    return replace(second, products=first.products + second.products), metric, 1


def _inverse(metric: Factorization | None, across: Array | None) -> Product | None:
    if metric is None:
        return None
    return metric.solve if across is None else _perpendicular(metric.solve, across)


def _perpendicular(operator: Product, across: Array) -> Product:
    """An operator between vectors (P,) perpendicular to a unit vector (P,)."""

    def projected(vector: Array) -> Array:
        image = operator(vector - (across @ vector) * across)
        return image - (across @ image) * across

    return projected
