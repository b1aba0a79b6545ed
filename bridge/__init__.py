"""Where SGD is in the landscape: visits, comparison, report, command line."""

from bridge.comparison import Comparison as Comparison
from bridge.comparison import ComparisonRow as ComparisonRow
from bridge.comparison import compare as compare
from bridge.inherent import InherentStructures as InherentStructures
from bridge.inherent import inherent_structures as inherent_structures
from bridge.settings import SCALES as SCALES
from bridge.settings import Scale as Scale
from bridge.settings import StudySettings as StudySettings
from bridge.study import Study as Study
from bridge.study import study as study
from bridge.visits import Visits as Visits
from bridge.visits import visits as visits
from landscape import loss_of as loss_of
