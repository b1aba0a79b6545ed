"""Workers of joblib as the packages use them."""

import subprocess
import sys

import pytest

# grow: what a worker keeps, as torch once loaded or kernels once compiled; loky looks at its memory once a second
GROWING = """
import os, time
from joblib import delayed
from landscape.support import worker_pool

def grow(megabytes, kept=[]):
    kept.append(bytearray(megabytes * 10**6))
    time.sleep(1.2)
    return os.getpid()

with worker_pool(2) as parallel:
    print(len(set(parallel(delayed(grow)(megabytes) for megabytes in (1, 1, 400, 400, 1, 1, 1, 1)))))
"""


@pytest.mark.slow
def test_workers_that_grow_are_kept():
    """Loky would replace them after their second task, and then wait for them forever."""
    said = subprocess.run([sys.executable, "-c", GROWING], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout in {"1\n", "2\n"}
