"""Small files in the format of MNIST."""

import gzip

import numpy as np


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_mnist(folder):
    """Four IDX files of 20 training and 5 test images of 4 x 3 pixels, two of them gzipped."""
    rng = np.random.default_rng(0)
    for part, n, pack in (("train", 20, gzip.compress), ("t10k", 5, bytes)):
        suffix = ".gz" if pack is gzip.compress else ""
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(rng.integers(0, 256, (n, 4, 3)))))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(np.arange(n) % 10)))
    return folder
