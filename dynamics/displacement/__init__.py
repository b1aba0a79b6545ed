"""Two-time displacement: of all parameters, per layer, modulo symmetry, of the outputs.

`mean_square_displacement` is the quantity that ages; `layer_displacement`, `displacement_modulo_symmetry` and
`output_displacement` are its variants, `non_gaussian` its fourth moment, `van_hove` its distribution, `susceptibility`
its fluctuations over the runs, `split_displacement` its drift and noise. `read_displacement` reads curves that others
measured.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
