"""Tensors are read from files of every format, to the bit; nothing in a file is executed."""

import argparse
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.checkpoints import network, write_keras, write_safetensors

from dynamics.checkpoints import find_checkpoints, open_checkpoint

torch = pytest.importorskip("torch")


@pytest.fixture
def arrays():
    return network(np.random.default_rng(0))


def tensors_of(arrays):
    return OrderedDict((name, torch.from_numpy(array)) for name, array in arrays.items())


def assert_arrays(found, arrays):
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(np.asarray(found[name]), array)


@pytest.mark.parametrize("old", [False, True])
def test_state_dict_of_torch(tmp_path, arrays, old):
    torch.save(tensors_of(arrays), tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    assert_arrays(open_checkpoint(tmp_path / "a.pt"), arrays)


@pytest.mark.parametrize("old", [False, True])
def test_checkpoint_with_an_optimizer_and_settings(tmp_path, arrays, old):
    state = {0: {"step": torch.tensor(5.0), "exp_avg": torch.ones(3)}}  # as that of Adam
    optimizer = {"state": state, "param_groups": [{"lr": 0.1, "params": [0]}], "kept": {"exp_avg": torch.ones(3)}}
    content = {"step": 5, "args": argparse.Namespace(lr=0.1), "path": Path("a"), "optimizer": optimizer}
    content["model"] = {f"module.{name}": tensor for name, tensor in tensors_of(arrays).items()}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    assert_arrays(open_checkpoint(tmp_path / "a.pt"), arrays)


@pytest.mark.parametrize("old", [False, True])
def test_types_strides_and_parameters(tmp_path, old):
    numbers = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    state = {
        "half": numbers.half(), "bfloat16": numbers.bfloat16(), "double": numbers.double(), "empty": numbers[:0],
        "transposed": numbers.permute(2, 0, 3, 1), "last": numbers.contiguous(memory_format=torch.channels_last),
        "part": numbers[1:, ::2], "parameter": torch.nn.Parameter(numbers), "one": torch.tensor(2.5),
        "expanded": torch.ones(1).expand(3, 2), "count": torch.tensor([3, 4]), "mask": torch.tensor([True, False]),
    }  # fmt: skip
    torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    found = open_checkpoint(tmp_path / "a.pt")
    for name, tensor in state.items():
        if name not in {"count", "mask"}:
            array = np.asarray(found[name])
            np.testing.assert_array_equal(array, tensor.detach().to(torch.float64).numpy())
            assert array.dtype == (np.float64 if name == "double" else np.float32)
            part = np.empty(min(7, max(0, array.size - 3)), array.dtype)
            found[name].read(min(3, array.size), part)
            np.testing.assert_array_equal(part, array.reshape(-1)[3 : 3 + part.size])
    assert (found["count"].kind, found["mask"].kind) == ("int64", "bool")
    assert found["count"].whole_numbers().tolist() == [3, 4]


def test_which_dictionary_is_asked_for_where_there_are_several(tmp_path, arrays):
    others = {name: array + 1 for name, array in arrays.items()}
    torch.save({"model": tensors_of(arrays), "ema": {"model": tensors_of(others)}}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a\.pt holds several .*: state must be one of model, ema\.model"):
        open_checkpoint(tmp_path / "a.pt")
    assert_arrays(open_checkpoint(tmp_path / "a.pt", "model"), arrays)
    assert_arrays(open_checkpoint(tmp_path / "a.pt", "ema.model"), others)
    with pytest.raises(ValueError, match=r"has no dictionary 'modle': state must be one of model, ema"):
        open_checkpoint(tmp_path / "a.pt", "modle")
    assert len(open_checkpoint(tmp_path / "a.pt", "ema")) == len(arrays)


class Hostile:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("old", [False, True])
def test_nothing_is_executed(tmp_path, arrays, old):
    content = {"model": tensors_of(arrays), "extra": Hostile(tmp_path / "ran")}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
    assert_arrays(open_checkpoint(tmp_path / "a.pt"), arrays)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "a.pt", weights_only=False)  # as it would otherwise be
    assert (tmp_path / "ran").exists()


def test_a_saved_module_is_refused_with_advice(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(
        ValueError, match=r"a\.pt holds .*torch\.nn\.modules\.linear\.Linear.*save model\.state_dict\(\)"
    ):
        open_checkpoint(tmp_path / "a.pt")


def test_memo_bombs_are_refused(tmp_path, arrays):
    torch.save(tensors_of(arrays), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as file:
        file.writestr("b/data.pkl", b"\x80\x02}r\xff\xff\xff\x7f.")
    with pytest.raises(ValueError, match=r"b\.pt is damaged: it asks for \d+ entries"):
        open_checkpoint(tmp_path / "b.pt")


def test_a_tensor_beyond_its_storage_is_refused(tmp_path, arrays):
    torch.save(tensors_of(arrays), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as file, zipfile.ZipFile(tmp_path / "b.pt", "w") as other:
        for info in file.infolist():
            content = file.read(info)
            other.writestr(info.filename, content[:-4] if info.filename.endswith("/data/0") else content)
    with pytest.raises(ValueError, match=r"b\.pt is damaged: a tensor of shape \(4, 1, 3, 3\) should have 144 bytes"):
        open_checkpoint(tmp_path / "b.pt")


def test_safetensors(tmp_path, arrays):
    # the file of test_deserialization in safetensors/src/tensor.rs of the package
    text = b'<\0\0\0\0\0\0\0{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}' + bytes(16)
    (tmp_path / "theirs.safetensors").write_bytes(text)
    found = open_checkpoint(tmp_path / "theirs.safetensors")
    assert (list(found), found["test"].shape, found["test"].kind) == (["test"], (2, 2), "int32")
    write_safetensors(tmp_path / "a.safetensors", arrays)
    assert_arrays(open_checkpoint(tmp_path / "a.safetensors"), dict(sorted(arrays.items())))


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"chunks": (2,)}])
def test_weights_of_keras(tmp_path, options):
    rng = np.random.default_rng(1)
    layers = {name: [rng.normal(size=6), rng.normal(size=9).astype("f4")] for name in ("dense", "dense_2", "dense_10")}
    write_keras(tmp_path / "a.weights.h5", layers, **options)
    expected = {f"{name}.{k}": array for name, some in layers.items() for k, array in enumerate(some)}
    found = open_checkpoint(tmp_path / "a.weights.h5")
    assert_arrays(found, expected)
    part = np.empty(4)
    found["dense_10.1"].read(3, part)
    np.testing.assert_array_equal(part, expected["dense_10.1"][3:7])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, arrays, save):
    arrays["fortran"] = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    save(tmp_path / "a.npz", **arrays)
    found = open_checkpoint(tmp_path / "a.npz")
    assert_arrays(found, arrays)
    part = np.empty(9)
    found["fortran"].read(10, part)
    np.testing.assert_array_equal(part, np.arange(10.0, 19.0))
    np.testing.assert_array_equal(np.asarray(found["fortran"].row(1)), np.arange(12.0, 24.0).reshape(3, 4))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, order):
    array = np.array(np.arange(12.0).reshape(3, 4), order=order)
    np.save(tmp_path / "a.npy", array)
    assert_arrays(open_checkpoint(tmp_path / "a.npy"), {"parameters": array})


def write_all(folder, arrays):
    torch.save(tensors_of(arrays), folder / "a.pt")
    torch.save(tensors_of(arrays), folder / "old.pt", _use_new_zipfile_serialization=False)
    write_safetensors(folder / "a.safetensors", arrays)
    np.savez(folder / "a.npz", **arrays)
    np.save(folder / "a.npy", arrays["fc.weight"])
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array


def test_truncated_and_foreign_files_are_named(tmp_path, arrays):
    write_all(tmp_path, arrays)
    for path in list(tmp_path.iterdir()):
        content = path.read_bytes()
        for size in (0, 5, 70, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:size])
            if path.suffix == ".h5" and size == len(content) - 1:
                continue  # HDF5 rounds the end of a file up
            with pytest.raises(ValueError, match=re.escape(str(path))):
                open_checkpoint(path)
    (tmp_path / "a.txt").write_text("not a checkpoint, but text of some length\n" * 3)
    with pytest.raises(ValueError, match=r"a\.txt is not a checkpoint of torch"):
        open_checkpoint(tmp_path / "a.txt")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match=r"a\.pkl is not a checkpoint"):
        open_checkpoint(tmp_path / "a.pkl")


def error_of(path):
    """What reading a file complains of, or its path."""
    try:
        for tensor in open_checkpoint(path).values():
            if tensor.kind in {"float32", "float64"}:
                np.asarray(tensor)
    except ValueError as error:
        return str(error)
    return str(path)


def test_damaged_files_give_errors_that_name_them(tmp_path, arrays):
    write_all(tmp_path, arrays)
    rng = np.random.default_rng(5)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for _ in range(20):
            damaged = bytearray(content)
            for place in rng.integers(len(content) if rng.random() < 0.5 else min(400, len(content)), size=3):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged)
            assert str(path) in error_of(path)


def test_tied_parameters_count_once(tmp_path):
    embedding = torch.nn.Embedding(5, 3)
    head = torch.nn.Linear(3, 5, bias=False)
    head.weight = embedding.weight
    module = torch.nn.Sequential(embedding, torch.nn.BatchNorm1d(3), head)
    for step in (1, 2):
        torch.save(module.state_dict(), tmp_path / f"{step}.pt")
    found = find_checkpoints(str(tmp_path / "*.pt"))
    assert [one.name for one in found.parameters] == [name for name, _ in module.named_parameters()]
    assert found.left_out == {
        "buffers": ("1.running_mean", "1.running_var", "1.num_batches_tracked"),
        "the same numbers as 0.weight": ("2.weight",),
    }
