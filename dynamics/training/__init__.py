"""Training ensembles: settings of the optimizers, schedules, starts, checkpoints.

`train` runs the compiled kernels, `train_module` any torch module. `SGD`, `RMSprop`, `Adam` and `AdamW`
hold the settings of an optimizer, `parse_schedule` and `parse_start` read what the command line says.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
