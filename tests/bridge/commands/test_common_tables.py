"""Tables that everybody has, raw and standardized: what `explore` writes can be read, drawn and verified.

Raw columns differ in scale by factors of 10^4: Hessian eigenvalues reach 10^6 and the paths down are stiff. The budget
of each exploration is in AGESCAPE_TABLE_BUDGET; ten minutes (10m) is what a user would take.
"""

import os

import numpy as np
import pytest
from support.cli import agescape, good, strict_json

from landscape import Database
from landscape.graph import below_minima

BUDGET = os.environ.get("AGESCAPE_TABLE_BUDGET", "20s")
TABLES = ("iris", "wine", "breast_cancer", "digits")


def write_table(name, path, *, standardized):
    """The table as CSV, its label last; columns of one value stay as they are."""
    loaders = pytest.importorskip("sklearn.datasets", reason="the tables come from scikit-learn")
    table = getattr(loaders, f"load_{name}")()
    inputs, spread = table.data, table.data.std(axis=0)
    if standardized:
        inputs = (inputs - inputs.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    rows = [",".join(map(repr, row)) + f",{label}\n" for row, label in zip(inputs.tolist(), table.target, strict=True)]
    path.write_text("".join(rows))


@pytest.mark.slow
@pytest.mark.parametrize("hidden", ["4", "4,4"])
@pytest.mark.parametrize("standardized", [False, True], ids=["raw", "standardized"])
@pytest.mark.parametrize("name", TABLES)
def test_explored_as_it_comes(name, standardized, hidden, tmp_path):
    data, path = tmp_path / "data.csv", tmp_path / "f.db"
    write_table(name, data, standardized=standardized)
    explore = ("explore", "--dataset", data, "--hidden", hidden, "--jobs", 1, "--output", path)
    for budget in (BUDGET, "300s"):  # the longer one where a busy machine takes all of the first for one search
        assert agescape(*explore, "--budget", budget).code == 0
        found = strict_json(good("info", path, "--json").out)
        if found["minima"]:
            break
    assert found["set_aside"] == []
    assert found["minima"] > 0
    good("graph", path, "--output", tmp_path / "f.svg")
    with Database(path) as database:
        graph = database.graph()
        assert not below_minima(graph.transition_losses, graph.losses[graph.edges], 0.0).any()
    verified = agescape("verify", path, "--jobs", 1, "--json")
    assert strict_json(verified.out)["failed"] == []
    # searches go on in a file that was read again
    assert agescape(*explore, "--searches", found["searches"] + 2).code == 0
