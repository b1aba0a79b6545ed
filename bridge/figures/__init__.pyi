from ._base import (
    PaperFigure as PaperFigure,
)
from ._ensembles import (
    Ensemble as Ensemble,
    ScaleName as ScaleName,
)
from ._registry import (
    FIGURES as FIGURES,
    get_figure as get_figure,
)
from ._reproduce import (
    estimate_seconds as estimate_seconds,
    machine_factor as machine_factor,
    missing_seconds as missing_seconds,
    reproduce as reproduce,
)
from ._statements import (
    Judged as Judged,
    Outcome as Outcome,
    Statement as Statement,
    Verdict as Verdict,
    judge as judge,
)
from ._work import (
    Progress as Progress,
    Work as Work,
)
