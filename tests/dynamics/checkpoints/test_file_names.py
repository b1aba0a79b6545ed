"""Steps and runs are read from names of files as people write them."""

from pathlib import Path

import pytest

from dynamics.checkpoints._file_names import files_of, places_of, short_names


def found(names, step=None, replica=None):
    """Steps of each run, by its short name."""
    places = places_of([Path(name) for name in names], step, replica)
    short = short_names(sorted({run for run, _ in places}))
    runs = {}
    for run, number in places:
        runs.setdefault(short[run], []).append(number)
    return runs


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        (["run0/step_10.pt", "run0/step_2.pt", "run1/step_10.pt"], {"run0": [10, 2], "run1": [10]}),
        (["out/checkpoint-500/model.safetensors", "out/checkpoint-1000/model.safetensors"], {"0": [500, 1000]}),
        (["a/seed=1/iter_0000100.pth", "a/seed=2/iter_0000100.pth", "a/seed=2/iter_0000200.pth"],
         {"seed=1": [100], "seed=2": [100, 200]}),
        (["w_1.weights.h5", "w_20.weights.h5"], {"0": [1, 20]}),
        (["adam/10.npz", "adam/20.npz", "sgd/10.npz"], {"adam": [10, 20], "sgd": [10]}),
        (["epoch=0-step=100.ckpt", "epoch=1-step=200.ckpt"], {"0": [100, 200]}),
        (["pythia/step0/model.safetensors", "pythia/step1/model.safetensors"], {"0": [0, 1]}),
        (["r3_step7.pt", "r3_step8.pt", "r12_step7.pt"], {"r12": [7], "r3": [7, 8]}),
    ],
)  # fmt: skip
def test_names(names, runs):
    assert found(names) == runs


def test_patterns_say_what_names_do_not():
    names = ["lr0.1_b/5_of_run_7.pt", "lr0.1_b/6_of_run_7.pt", "lr0.1_b/5_of_run_8.pt"]
    assert found(names, r"/(\d+)_of", r"run_(\d+)") == {"7": [5, 6], "8": [5]}
    assert found(names, r"\d+(?=_of)") == {"of_run_7": [5, 6], "of_run_8": [5]}
    with pytest.raises(ValueError, match=r"step: 'epoch' does not fit lr0"):
        found(names, "epoch")
    with pytest.raises(ValueError, match=r"step must be a whole number; in lr0.1_b/5_of_run_7.pt it is 'lr0'"):
        found(names, "(lr.)")
    with pytest.raises(ValueError, match=r"step must be a regular expression; '\(' is none"):
        found(names, "(")


def test_parts_of_a_checkpoint_are_one():
    names = [f"step{k}/model-0000{part}-of-00002.safetensors" for k in (8, 16) for part in (1, 2)]
    places = places_of([Path(name) for name in names])
    assert [[str(path) for path in some] for some in places.values()] == [names[:2], names[2:]]
    assert [step for _, step in places] == [8, 16]


def test_two_files_of_one_step_and_run_are_named():
    with pytest.raises(ValueError, match=r"a/s_1.pt and b/s_1.pt are both step 1 of run 's'"):
        found(["a/s_1.pt", "b/s_1.pt"], None, "/(s)_")


def test_names_in_which_every_file_is_a_run():
    with pytest.raises(ValueError, match=r"no two files seem to be of the same run .*--step, --replica"):
        found(["a1_b10.pt", "a2_b20.pt"])
    with pytest.raises(ValueError, match=r"final.pt has no number for its step"):
        found(["final.pt"])


def test_files(tmp_path):
    for name in ("s_2.pt", "s_10.pt"):
        (tmp_path / name).touch()
    assert [path.name for path in files_of(str(tmp_path / "s_*"))] == ["s_2.pt", "s_10.pt"]
    assert files_of([tmp_path / "s_2.pt", str(tmp_path / "s_?.pt")]) == [tmp_path / "s_2.pt"]
    with pytest.raises(FileNotFoundError, match=r"no file fits '.*t_\*'; quote"):
        files_of(str(tmp_path / "t_*"))
