"""The static surface: networks, data sets, losses, stationary points and how they connect."""
