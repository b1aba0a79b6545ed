"""Files, locks, workers and versions: what every package needs, without any knowledge of landscapes.

`new_file` writes a file completely or not at all, `reading` names the file and the fault when one is damaged,
`worker_pool` distributes work, `njit` compiles and caches kernels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
