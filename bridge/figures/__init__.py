"""The figures of the paper, one file each kind: what runs they need, what is computed of them, how it is drawn.

Adding one is a `PaperFigure` in a file here and its name in `FIGURES`.
"""

from bridge.figures._base import SCALES as SCALES
from bridge.figures._base import PaperFigure as PaperFigure
from bridge.figures._base import ScaleName as ScaleName
from bridge.figures._ensembles import Ensemble as Ensemble
from bridge.figures._work import Work as Work
from bridge.figures.aging import FIG2, FIG3, FIG5
from bridge.figures.contrasts import DESCENT, LATE, NOISE, REGIME
from bridge.figures.curves import FIG1, FIG4
from bridge.figures.generalization import FIGA2
from bridge.figures.gradients import FIGA3
from bridge.figures.minima import MINIMA
from bridge.figures.mu_generalization import MU_GENERALIZATION
from bridge.figures.outputs import OUTPUTS
from bridge.figures.realizations import REALIZATIONS
from bridge.figures.spectra import FIG7, FIGA1
from bridge.figures.widths import FIG6

PAPER = (FIG1, FIG2, FIG3, FIG4, FIG5, FIG6, FIG7, FIGA1, FIGA2, FIGA3, MINIMA)
BEYOND = (REALIZATIONS, LATE, DESCENT, REGIME, NOISE, MU_GENERALIZATION, OUTPUTS)
FIGURES: dict[str, PaperFigure] = {figure.name: figure for figure in (*PAPER, *BEYOND)}


def get_figure(name: str) -> PaperFigure:
    """The figure called `name`, or a ValueError that lists the names."""
    if name not in FIGURES:
        msg = f"figure must be one of {', '.join(FIGURES)}; got {name!r}"
        raise ValueError(msg)
    return FIGURES[name]
