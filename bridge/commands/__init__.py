"""The commands of `agescape`, one module for each group."""
