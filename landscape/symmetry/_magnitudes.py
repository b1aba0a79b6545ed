"""How large a number of a point may be."""

LARGEST = 1e150  # bound on a weight: its square times the number of weights is still finite
