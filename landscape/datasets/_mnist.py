"""Handwritten digits: the MNIST data set from its four IDX files."""

import gzip
import hashlib
import logging
import math
import os
from io import BufferedReader
from pathlib import Path

import numpy as np
import platformdirs
import pooch
from numpy.typing import NDArray

from landscape.datasets._arguments import checked_pca, prepared
from landscape.datasets._dataset import Dataset
from landscape.support import reading, whole_number

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MD5 = {  # of the files after gunzip
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"
LARGEST_RATIO = 1032  # deflate cannot compress further
CHUNK = 1 << 20

Bytes = BufferedReader | gzip.GzipFile

log = logging.getLogger(__name__)


def mnist(
    rows: int = 60_000,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    seed: int | None = None,
    standardize: bool = False,
    pca: int | None = None,
) -> Dataset:
    """The MNIST digits: 784 pixels / 255, ten classes; the 10000 test images are the test rows.

    Parameters
    ----------
    rows : int
        Training images.
    data_dir : path, optional
        Directory of the four IDX files, gzipped or not. By default the environment variable
        ``AGESCAPE_DATA``, or ``mnist`` in the user's cache directory of agescape.
    download : bool
        Download files that are missing from `data_dir`. Otherwise nothing is ever downloaded.
    seed : int, optional
        None or 0: the first `rows` training images. Another seed: a random choice of `rows` images,
        so that realizations of a small training set can be compared.
    standardize : bool
        Shift and scale each pixel by the mean and standard deviation of the training images; a constant one becomes 0.
    pca : int, optional
        Replace the pixels by this many principal components of the training images (see `table`).

    Raises
    ------
    FileNotFoundError
        If a file is missing and `download` is False.
    ValueError
        If a file does not match its header, a download has the wrong checksum, or an argument is out of range.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Proc. IEEE 86, 2278 (1998).
    """
    rows, seed = whole_number("rows", rows, 1), whole_number("seed", 0 if seed is None else seed, 0)
    directory = _directory(data_dir)
    images, labels = _images_and_labels(directory, "train", download)
    if rows > len(images):
        msg = f"rows must be at most the {len(images)} training images in {directory}; got {rows}"
        raise ValueError(msg)
    chosen = np.random.default_rng(seed).permutation(len(images))[:rows] if seed else slice(rows)
    test_images, test_labels = _images_and_labels(directory, "t10k", download)
    metadata = {
        "name": "mnist",
        "rows": rows,
        "seed": seed,
        "data_dir": None if data_dir is None else str(directory),
        "standardize": bool(standardize),
        "pca": checked_pca(pca),
    }
    inputs, test_inputs, more = prepared(images[chosen] / 255.0, test_images / 255.0, metadata)
    inputs.flags.writeable = test_inputs.flags.writeable = False  # so that the data set makes no copy
    return Dataset(inputs, labels[chosen], 10, test_inputs, test_labels, metadata | more)


def read_idx(path: str | os.PathLike[str], ndim: int) -> NDArray[np.uint8]:
    """Read the array of unsigned bytes in an IDX file, gzipped or not.

    Parameters
    ----------
    path : path
        The file.
    ndim : int
        Number of dimensions it must have.

    Raises
    ------
    ValueError
        If the magic number or the length is wrong. The announced length is compared with the size of the file before
        memory is allocated.
    """
    path = Path(path)
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    with (
        reading(path, "is not a complete gzip file" if zipped else "is damaged"),
        gzip.open(path) if zipped else path.open("rb") as file,
    ):
        shape = _read_shape(file, path, ndim)
        size = path.stat().st_size
        body = _read_body(file, path, shape, size * LARGEST_RATIO if zipped else size)
    return np.frombuffer(body, np.uint8).reshape(shape)


def _header(shape: tuple[int, ...]) -> bytes:
    return bytes([0, 0, UNSIGNED_BYTE, len(shape)]) + np.array(shape, ">u4").tobytes()


def _read_shape(file: Bytes, path: Path, ndim: int) -> tuple[int, ...]:
    header = file.read(4 + 4 * ndim)
    shape = tuple(map(int, np.frombuffer(header[4:].ljust(4 * ndim, b"\0"), ">u4")))
    if header != _header(shape):
        msg = (
            f"{path}: expected an IDX file of unsigned bytes in {ndim} dimensions, beginning with "
            f"00 00 08 {ndim:02d}; it begins with {header.hex(' ', 1) or 'nothing'}"
        )
        raise ValueError(msg)
    return shape


def _read_body(file: Bytes, path: Path, shape: tuple[int, ...], at_most: int) -> bytearray:
    """The bytes after the header; memory grows with the bytes that exist."""
    announced, body = math.prod(shape), bytearray()
    if announced <= at_most:
        while len(body) <= announced and (chunk := file.read(min(CHUNK, announced + 1 - len(body)))):
            body += chunk
    if announced > at_most or len(body) != announced:
        found = f"{'more' if len(body) > announced else 'fewer'} bytes follow"
        msg = f"{path}: the header announces {' x '.join(map(str, shape))} = {announced} bytes, but {found}"
        raise ValueError(msg)
    return body


def _directory(data_dir: str | os.PathLike[str] | None) -> Path:
    given = data_dir or os.environ.get("AGESCAPE_DATA") or Path(platformdirs.user_cache_dir("agescape")) / "mnist"
    return Path(given).expanduser().absolute()


def _images_and_labels(directory: Path, part: str, download: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = _load(directory, f"{part}-images-idx3-ubyte", 3, download)
    labels = _load(directory, f"{part}-labels-idx1-ubyte", 1, download)
    if len(images) != len(labels) or labels.max(initial=0) > 9:
        msg = (
            f"{directory}: {part} files must hold one label 0 ... 9 for each image; "
            f"got {len(images)} images and {len(labels)} labels up to {labels.max(initial=0)}"
        )
        raise ValueError(msg)
    return images.reshape(len(images), math.prod(images.shape[1:])), labels.astype(np.int64)


def _load(directory: Path, name: str, ndim: int, download: bool) -> NDArray[np.uint8]:
    path = next((p for p in (directory / name, directory / f"{name}.gz") if p.is_file()), None)
    if path is None and download:
        return _fetch(directory, name, ndim)
    if path is None:
        msg = (
            f"there is no {name} or {name}.gz in {directory}: download the MNIST files with agescape data mnist, or "
            f"name the folder that holds them by data_dir or the environment variable AGESCAPE_DATA"
        )
        raise FileNotFoundError(msg)
    array = read_idx(path, ndim)
    if _md5(array) != MD5[name]:
        log.warning("%s is not the original MNIST file: MD5 %s, expected %s", path, _md5(array), MD5[name])
    return array


def _fetch(directory: Path, name: str, ndim: int) -> NDArray[np.uint8]:
    """Download one file; it is kept only if its content is the original's."""
    log.warning("downloading %s%s.gz to %s", MIRROR, name, directory)
    pooch.get_logger().setLevel(logging.WARNING)  # otherwise it asks for a checksum, in Python's terms
    path = Path(pooch.retrieve(f"{MIRROR}{name}.gz", known_hash=None, fname=f"{name}.gz", path=directory))
    try:
        array = read_idx(path, ndim)
        if _md5(array) != MD5[name]:
            msg = f"{MIRROR}{name}.gz has changed: MD5 {_md5(array)} after gunzip, expected {MD5[name]}"
            raise ValueError(msg)
    except ValueError:
        path.unlink()
        raise
    return array


def _md5(array: NDArray[np.uint8]) -> str:
    """MD5 of the IDX file that holds `array`."""
    return hashlib.md5(_header(array.shape) + array.tobytes(), usedforsecurity=False).hexdigest()
