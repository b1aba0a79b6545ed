"""Data sets: generated from physics, or read from files."""

from landscape.datasets.dataset import Dataset as Dataset
