"""The study: the whole pipeline for several architectures, and its report.

`study` explores, trains, maps and compares as `StudySettings` say, and writes one HTML report that works offline.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
