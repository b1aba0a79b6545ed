"""What is explored: losses of a perceptron, torch modules, surfaces with known answers.

`Loss` is the protocol that all of `landscape` asks for. `CrossEntropyLoss` has compiled exact derivatives,
`TorchLoss` wraps any torch module, which `load_module` takes from a file, `MuellerBrown` and `DoubleWells` have known
stationary points.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
