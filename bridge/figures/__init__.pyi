from ._base import (
    SCALES as SCALES,
    PaperFigure as PaperFigure,
)
from ._ensembles import (
    Ensemble as Ensemble,
    ScaleName as ScaleName,
)
from ._registry import (
    BEYOND as BEYOND,
    FIGURES as FIGURES,
    PAPER as PAPER,
    get_figure as get_figure,
)
from ._reproduce import (
    estimate_seconds as estimate_seconds,
    reproduce as reproduce,
)
from ._work import (
    Work as Work,
)
