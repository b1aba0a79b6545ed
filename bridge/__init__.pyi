from . import (
    claims as claims,
    comparison as comparison,
    explanation as explanation,
    figures as figures,
    mapping as mapping,
    pages as pages,
    plots as plots,
    residence as residence,
    studies as studies,
)
from .comparison import (
    Comparison as Comparison,
    compare as compare,
)
from .explanation import (
    Explanation as Explanation,
    explain as explain,
)
from .mapping import (
    InherentStructures as InherentStructures,
    inherent_structures as inherent_structures,
)
from .residence import (
    Visits as Visits,
    dwells as dwells,
    jumps as jumps,
    visits as visits,
)
from .studies import (
    StudySettings as StudySettings,
    study as study,
)
