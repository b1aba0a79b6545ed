"""Files of others, as they published them: not part of the project, and tests that read them are skipped elsewhere.

They are looked for in the folder that AGESCAPE_PUBLIC_DATA names, beside this checkout, and in /work/shared.
"""

import os
from pathlib import Path

import pytest

from support.paths import SHARED

PLACES = [
    *[Path(folder) for folder in [os.environ.get("AGESCAPE_PUBLIC_DATA")] if folder],
    SHARED / "data" / "public",
    Path("/work/shared/data/public"),
]
PUBLIC = next((folder for folder in PLACES if folder.is_dir()), PLACES[0])
needs_public = pytest.mark.skipif(not PUBLIC.is_dir(), reason=f"no public files in {PUBLIC}")
