"""The warning of the commands that train or explore: inputs of a size that networks cannot use."""

import sys
from typing import Any

from landscape import datasets
from landscape.datasets import Dataset


def warn_of_scales(data: Dataset) -> dict[str, Any]:
    """Say on stderr what is wrong with the scale of the columns, and what to do; the same for the JSON, if anything."""
    warning = datasets.scale_warning(data)
    if warning is None:
        return {}
    warning += ": --standardize"
    sys.stderr.write(f"agescape: warning: {warning}\n")
    return {"scale_warning": warning}
