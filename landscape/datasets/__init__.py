"""Data sets: generated from physics, or read from files."""

from landscape.datasets.dataset import Dataset as Dataset
from landscape.datasets.ljat import ljat as ljat
from landscape.datasets.loading import load as load
from landscape.datasets.loading import reload as reload
from landscape.datasets.mnist import mnist as mnist
from landscape.datasets.scales import scale_warning as scale_warning
from landscape.datasets.table import table as table
from landscape.datasets.table import write_table as write_table
