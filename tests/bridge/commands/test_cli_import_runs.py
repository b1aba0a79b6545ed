"""`agescape import-runs`: what it says of checkpoints, and the file that it makes of them."""

import numpy as np
import pytest
from support.checkpoints import network, write_safetensors
from support.cli import agescape, assert_complaint, strict_json

from dynamics.runs import load_trajectories


@pytest.fixture
def folder(tmp_path):
    """Two runs that move at random; of the second one file is missing."""
    rng = np.random.default_rng(0)
    for run in (0, 1):
        tensors = network(rng) | {"bn.running_mean": np.zeros(3, "f4")}
        for step in (0, 1, 2, 4, 8, 16):
            if (run, step) != (1, 4):
                write_safetensors(tmp_path / f"run{run}" / f"checkpoint-{step}" / "model.safetensors", tensors)
            tensors = {name: array + 0.1 * rng.normal(size=array.shape).astype("f4") for name, array in tensors.items()}
    return tmp_path


def test_import_runs(folder):
    files = folder / "run*" / "*" / "model.safetensors"
    result = agescape("import-runs", files, "--output", folder / "runs.h5")
    assert result.code == 0
    understood, planned = result.err.splitlines()
    assert understood == (
        "agescape: 2 runs (run0, run1), 6 steps, 0 ... 16; missing: step 4 of run1; "
        "225 parameters (float32) in 4 tensors, 1 tensor left out"
    )
    assert planned.startswith("agescape: 16 pairs of checkpoints at 4 waiting times, 8.1 kB to read, about ")
    assert planned.endswith("; snapshots are copied")
    assert "2 runs imported, 11 checkpoints at 6 steps, 0 ... 16." in result.out
    assert "buffers: bn.running_mean" in result.out
    assert "225 in 2 layers: conv1, fc" in result.out
    runs = load_trajectories(folder / "runs.h5")
    assert runs.recorded.sum() == 11
    again = agescape("import-runs", files, "--displacements", "--parameters", "fc.*", "--waiting-times", "1,2",
                     "--lags", "1,2", "--output", folder / "few.h5", "--json")  # fmt: skip
    found = strict_json(again.out)
    assert (found["n_parameters"], found["layers"], found["pairs"]) == (185, ["fc"], 3)
    assert found["missing"] == [{"run": "run1", "step": 4}]
    assert "; displacements only" in again.err
    assert load_trajectories(folder / "few.h5").displacement.shape == (2, 2, 2)


def test_complaints_of_import_runs(folder):
    output = ("--output", folder / "runs.h5")
    assert_complaint(agescape("import-runs", folder / "*.pt", *output), "no file fits")
    files = folder / "run*" / "*" / "model.safetensors"
    assert_complaint(agescape("import-runs", files, "--step", "(x", *output), "--step must be a regular expression")
    assert_complaint(agescape("import-runs", files, "--stacked", "times", *output), "no array of steps 'times'")
    assert_complaint(agescape("import-runs", files, "--replica", "model", *output), "are both step 0", "--replica")
    assert_complaint(agescape("import-runs", files, "--state", "model", *output), "--state must be one of .")
    (folder / "run0" / "checkpoint-2" / "model.safetensors").write_bytes(b"text")
    assert_complaint(agescape("import-runs", files, *output), "checkpoint-2/model.safetensors is not a checkpoint")
    assert not (folder / "runs.h5").exists()
