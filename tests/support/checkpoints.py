"""Files of checkpoints for tests, written without the code that reads them."""

import json

import h5py
import numpy as np

CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "bool": "BOOL"}


def write_safetensors(path, tensors):
    """A safetensors file of arrays."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        numbers = np.ascontiguousarray(array).tobytes()
        places = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": CODES[array.dtype.name], "shape": list(array.shape), "data_offsets": places}
        data += numbers
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_keras(path, layers, **options):
    """A .weights.h5 file as Keras 3 lays it out: the variables of each layer, and those of an optimizer."""
    with h5py.File(path, "w") as file:
        for name, variables in layers.items():
            group = file.create_group(f"layers/{name}/vars")
            for number, array in enumerate(variables):
                group.create_dataset(str(number), data=array, **options)
        file["optimizer/vars/0"] = np.int64(7)
        file["optimizer/vars/1"] = np.ones((3, 4))
        file.create_group("vars")


def network(rng, dtype=np.float32):
    """Tensors of a small network, at random."""
    shapes = {"conv1.weight": (4, 1, 3, 3), "conv1.bias": (4,), "fc.weight": (5, 36), "fc.bias": (5,)}
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


def flat(tensors):
    """All numbers in order."""
    return np.concatenate([np.ravel(array) for array in tensors.values()])
