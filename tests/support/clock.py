"""Limits on time that a busy machine does not break: seconds of the processor, not of the clock."""

import time
from contextlib import contextmanager


@contextmanager
def processor_seconds_below(limit):
    """What stands inside may take this much of the processor, in this process and all of its threads."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < limit
