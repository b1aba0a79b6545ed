"""The parts of the displacement at t*, with their intervals over the runs."""

import numpy as np
from numpy.typing import NDArray

from bridge.explanation._explanation import Explanation
from dynamics.statistics import ZERO_TO_ONE, ratio_over_runs, share_of_runs
from landscape.support import Estimate

Array = NDArray[np.float64]


def nearest_lags(explanation: Explanation) -> NDArray[np.int64]:
    """Position (W,) of the decomposed lag nearest to t*; -1 if there is no t*."""
    lags, t_star = explanation.decomposition.total.lags, explanation.fit.t_star.value
    safe = np.where(np.isfinite(t_star), t_star, 1.0)
    return np.where(np.isfinite(t_star), np.abs(np.log(lags / safe[:, None])).argmin(axis=1), -1)


def shares_at_t_star(explanation: Explanation) -> dict[str, Estimate[Array]]:
    """Share (W,) of each part in the displacement at the lag nearest to t*; nan if there is no t*."""
    parts = explanation.decomposition
    total = _of_known(explanation, parts.total.values)
    return {name: ratio_over_runs(_of_known(explanation, getattr(parts, name).values), total) for name in parts.parts}


def changed_at_t_star(explanation: Explanation) -> Estimate[Array]:
    """Share (W,) of the displacement at the lag nearest to t* due to runs that are then in another basin than at tw."""
    parts = explanation.decomposition
    moved = parts.total.values
    return ratio_over_runs(
        _of_known(explanation, moved * parts.changed), _of_known(explanation, moved), within=ZERO_TO_ONE
    )


def runs_changed_at_t_star(explanation: Explanation) -> Estimate[Array]:
    """Share (W,) of the known runs that are in another basin at the lag nearest to t* than at tw; nan without any."""
    parts = explanation.decomposition
    changed, known = (_of_known(explanation, values).sum(axis=0) for values in (parts.changed, parts.known))
    return share_of_runs(changed, known)


def known_at_t_star(explanation: Explanation) -> Array:
    """Number (W,) of runs whose parts are known at the lag nearest to t*."""
    return _of_known(explanation, explanation.decomposition.known).sum(axis=0)


def _of_known(explanation: Explanation, values: NDArray) -> Array:
    """`values` (R, W, T) at the lag nearest to t*, (R, W); 0 where no part of a run is known, or without t*."""
    at = nearest_lags(explanation)
    known = explanation.decomposition.known & (at >= 0)[:, None]
    return np.where(known, values, 0.0)[:, np.arange(at.size), at]
