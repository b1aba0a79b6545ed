"""The figures of the paper, one file for each kind: the runs, the computation and the layout.

To add one, define a `PaperFigure` in a file here and add its name to `FIGURES`.
"""

from bridge.figures._aging import FIG2, FIG3, FIG5
from bridge.figures._base import PaperFigure
from bridge.figures._contrasts import DESCENT, EPOCHS, LATE, NOISE, REGIME
from bridge.figures._curves import FIG1, FIG4
from bridge.figures._generalization import FIGA2
from bridge.figures._glass import FLUCTUATIONS, SCALING
from bridge.figures._gradients import FIGA3
from bridge.figures._jamming import JAMMING
from bridge.figures._minima import MINIMA
from bridge.figures._minima_mu import MINIMA_MU
from bridge.figures._mnist_landscape import MNIST_LANDSCAPE
from bridge.figures._mu_generalization import MU_GENERALIZATION
from bridge.figures._outputs import OUTPUTS
from bridge.figures._persistent import PERSISTENT
from bridge.figures._realizations import REALIZATIONS
from bridge.figures._spectra import FIG7, FIGA1
from bridge.figures._widths import FIG6

PAPER = (FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, FIG7, FIGA1, FIGA2, FIGA3, MINIMA)
BEYOND = (
    REALIZATIONS,
    LATE,
    DESCENT,
    REGIME,
    SCALING,
    FLUCTUATIONS,
    NOISE,
    EPOCHS,
    MU_GENERALIZATION,
    OUTPUTS,
    JAMMING,
    PERSISTENT,
    MINIMA_MU,
    MNIST_LANDSCAPE,
)
FIGURES: dict[str, PaperFigure] = {figure.name: figure for figure in (*PAPER, *BEYOND)}


def get_figure(name: str) -> PaperFigure:
    """The figure called `name`, or a ValueError that lists the names."""
    if name not in FIGURES:
        msg = f"figure must be one of {', '.join(FIGURES)}; got {name!r}"
        raise ValueError(msg)
    return FIGURES[name]
