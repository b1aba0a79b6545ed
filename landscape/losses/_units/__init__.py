"""The compiled activations, one a module, all with the same names: what the kernels are made with.

`activate(z)` gives the activation a and, where `KEEPS` says that the kernels keep them, its first and second
derivative. Otherwise these follow from the activation: the first is `slope(a, kept)` (which is `kept` where there is
one), the second -`fall(a)` times the first, zero everywhere unless `BENDS`. `activate_float32` gives the activation
and its slope. They have no branches, are accurate to a few ulp over the whole range (derivatives to a few ulp of their
largest magnitudes; gelu to an absolute 1e-304, and in float32 with less relative accuracy where it vanishes: 1e-6 at
z = -4), and nan stays nan.

The modules `_kernels`, `_hessian` and `_scores` are written for tanh. `_variants` makes their code for another
activation: the same text with another module in the place of `_units.tanh`.
"""
