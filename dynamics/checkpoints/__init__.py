"""Runs that were trained elsewhere: files of checkpoints of torch, safetensors, Keras and NumPy.

`find_checkpoints` finds the files of runs and what they hold, `displacement_of_checkpoints` measures their displacement
in one pass in little memory, `import_runs` makes a file of runs of them, and `open_checkpoint` reads a single one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
