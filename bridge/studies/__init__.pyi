from ._results import (
    ArchitectureResults as ArchitectureResults,
    MinimaTable as MinimaTable,
    all_ages as all_ages,
)
from ._settings import (
    SCALES as SCALES,
    Scale as Scale,
    StudySettings as StudySettings,
    scaled as scaled,
)
from ._study import (
    Study as Study,
    study as study,
)
