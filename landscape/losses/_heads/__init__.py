"""The compiled losses as functions of the outputs of a network, one a module, all with the same names.

For a block of n rows with outputs z (K, n) before any softmax, and N rows in all: `output_deltas` gives the summed loss
and its derivatives by z, divided by N; `state_from` what the second derivatives need, and `output_tangent` the
derivative of the deltas along a change of z; `block_losses` the loss of each row, and `block_scores` the summed loss
and the number of rows that are classified correctly.

The modules `_kernels`, `_hessian` and `_scores` are written for `cross_entropy`; `_variants` makes their code for
another loss.
"""
