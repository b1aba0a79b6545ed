import re
import shutil

import h5py
import numpy as np
import pytest
from support.cli import agescape, assert_complaint, good, strict_json

from bridge.commands._parsing import parse_steps
from dynamics import curvature, load_trajectories
from dynamics.runs import loss_of_runs
from dynamics.spectra import estimate_curvature

KEYS = {
    "steps",
    "negative_eigenvalues",
    "gradient_rms",
    "gradient_norm",
    "trace",
    "largest_eigenvalue",
    "noise_trace",
    "alignment",
    "effective_temperature",
    "dataset",
    "dataset_seed",
    "rows",
}
TRAIN = ("train", "--hidden", "3", "--rows", "100", "--replicas", "3", "--steps", "200", "--batch-size", "20")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Not to be written to."""
    path = tmp_path_factory.mktemp("runs") / "f.h5"
    good(*TRAIN, "--output", path, "--jobs", 1)
    return path


@pytest.fixture
def runs(made, tmp_path):
    return shutil.copy(made, tmp_path / "f.h5")


def said(runs, *options):
    return strict_json(good("curvature", runs, "--jobs", 1, "--json", *options).out)


def measured(runs):
    folder = runs.with_name(runs.name + ".curvature")
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_curvature(runs):
    result = said(runs, "--steps", "0,200", "--runs", 2)
    assert result.keys() >= KEYS
    loaded = load_trajectories(runs)
    expected = curvature(loaded, loss_of_runs(loaded), steps=[0, 200], replicas=[0, 1])
    assert (result["steps"], result["runs"], result["method"]) == ([0, 200], 2, "exact")
    for name, values in {
        "negative_eigenvalues": expected.negative_eigenvalues,
        "gradient_rms": expected.gradient_rms,
        "gradient_norm": expected.gradient_norms,
        "trace": expected.traces,
        "largest_eigenvalue": expected.largest,
        "noise_trace": expected.noise_traces,
        "alignment": expected.alignments,
        "effective_temperature": expected.temperatures,
    }.items():
        assert result[name] == values.mean(axis=0).tolist()
        error = np.abs(values[0] - values[1]) / 2  # standard error of the mean of two
        assert result[f"{name}_error"] == pytest.approx(error.tolist())
        reach = np.where(error > 0, 12.7062047 * error, np.nan)  # Student's t with one degree of freedom
        for end, sign in (("low", -1), ("high", 1)):
            expected_end = values.mean(axis=0) + sign * reach
            found_end = np.array(result[f"{name}_{end}"], dtype=float)
            np.testing.assert_allclose(found_end, expected_end, rtol=1e-6)
    assert (result["dataset"], result["dataset_seed"], result["rows"]) == ("ljat", 0, 100)
    assert (result["learning_rate"], result["batch_size"], result["replacement"]) == (0.05, 20, False)


def test_estimates(runs):
    options = ("--lanczos", "--probes", 3, "--lanczos-steps", 12, "--steps", "200", "--runs", 1)
    result, other = (said(runs, *options, "--seed", seed) for seed in (5, 6))
    assert result.keys() >= KEYS | {"negative_low", "negative_high", "negative_at_least"}
    loaded = load_trajectories(runs).first(1)
    loss = loss_of_runs(loaded)
    expected = estimate_curvature(loaded, loss, steps=[200], seed=5, probes=3, lanczos_steps=12)
    counts, errors = expected.negative_eigenvalues
    assert result["method"] == "lanczos"
    assert result["negative_eigenvalues"] == counts[0].tolist()
    assert result["negative_eigenvalues_error"] == errors[0].tolist()  # of one run: that of the estimate
    assert result["gradient_rms_error"] == [None]
    assert result["trace"] != other["trace"]
    assert result["gradient_rms"] == other["gradient_rms"]


def test_the_command_goes_on_where_it_was(runs):
    first = said(runs, "--steps", "0,200", "--runs", 2)
    before = measured(runs)
    assert len(before) == 4
    assert said(runs, "--steps", "0,200", "--runs", 2) == first
    assert measured(runs) == before
    said(runs, "--steps", "0,200")
    assert len(measured(runs)) == 6
    assert measured(runs).items() >= before.items()


def test_another_store(runs, tmp_path):
    result = said(runs, "--steps", "200", "--store", tmp_path / "new" / "store")
    assert result["runs"] == 3
    assert len(list((tmp_path / "new" / "store").iterdir())) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.h5", "new"]


def test_default_steps_and_lines_instead_of_json(runs):
    text = good("curvature", runs, "--runs", 1, "--jobs", 1).out
    table = text[re.search(r"^ *step ", text, re.MULTILINE).start() :].split("\n\n")[0].splitlines()
    steps = [int(line.split()[0]) for line in table[1:]]
    assert (steps[0], steps[-1]) == (0, 200)
    assert 5 <= len(steps) <= 11
    assert "negative at step 0" in text


@pytest.mark.parametrize("options", [(), ("--lanczos", "--probes", 2, "--lanczos-steps", 8)])
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture(runs, tmp_path, suffix, options):
    output = tmp_path / f"c.{suffix}"
    assert said(runs, "--steps", "0,200", "--output", output, *options)["output"] == str(output)
    assert output.read_bytes()[:4] == {"svg": b"<?xm", "png": b"\x89PNG"}[suffix]


def test_bad_input(runs, tmp_path):
    for options, words in {
        ("--steps", "7,x"): ("--steps", "7,x"),
        ("--steps", ""): ("--steps",),
        ("--steps", "123456"): ("none at 123456", "snapshots are at 0"),
        ("--runs", "0"): ("--runs",),
        ("--jobs", "0"): ("jobs",),
        ("--probes", "1", "--lanczos"): ("--probes",),
        ("--output", "c.txt"): ("c.txt",),
    }.items():
        assert_complaint(agescape("curvature", runs, *options), *words)
    assert_complaint(agescape("curvature", tmp_path / "none.h5"), f"there is no file {tmp_path / 'none.h5'}")
    (tmp_path / "text.h5").write_text("hello")
    assert_complaint(agescape("curvature", tmp_path / "text.h5"), "text.h5 is not an HDF5 file")
    assert not runs.with_name("f.h5.curvature").exists()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"data_sha256": "', '"data_sha256": "0', "the data have changed"),
        ('"regularization"', '"something"', "no regularization"),
        ('"learning_rate"', '"something"', "no --learning-rate"),
        ('"name": "ljat"', '"name": "jlat"', "got 'jlat'"),
    ],
)
def test_runs_that_cannot_be_continued(runs, old, new, word):
    with h5py.File(runs, "a") as file:
        metadata = file.attrs["metadata"]
        assert old in metadata
        file.attrs["metadata"] = metadata.replace(old, new, 1)
    assert_complaint(agescape("curvature", runs, "--jobs", 1), word)


def test_a_damaged_store(runs):
    said(runs, "--steps", "200", "--runs", 1)
    (name,) = measured(runs)
    (runs.with_name("f.h5.curvature") / name).write_bytes(b"hello")
    assert_complaint(agescape("curvature", runs, "--steps", "200", "--runs", 1), name, "remove it")


def test_steps():
    assert parse_steps(None) is None
    assert parse_steps("0, 1300,10000") == [0, 1300, 10000]
    assert parse_steps("1e3,2.5e1") == [1000, 25]
    for text in ("", "1,", "-1", "1.5", "1e-3"):
        with pytest.raises(ValueError, match=r"--steps must be steps"):
            parse_steps(text)
