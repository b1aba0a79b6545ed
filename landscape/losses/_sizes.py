"""Sizes of networks from which on other code is used."""

WIDE = 64  # inputs: from here on matrix products through BLAS beat the compiled loops
LARGE = 1000  # parameters: above, BLAS makes Hessians 9 times as fast, and nothing needs a spectrum (crossover: 1012
# parameters, where quenches take 3.1 s with eigenproblems and 3.3 s without, certificates 0.2 s)
