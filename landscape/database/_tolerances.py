"""Differences that `verify` allows: the last digits on another processor or library."""

VALUE_ERROR = 1e-12  # nats, for losses of order one
GRADIENT_ERROR = 1e-12  # rms
EIGENVALUE_ERROR = 1e-10  # of the largest eigenvalue
OVERLAP_ERROR = 1e-6  # of the eigenvector of the negative eigenvalue
LOG_ERROR = 1e-9  # of a log-determinant by factorization, beside what the rounding of the Hessian changes
