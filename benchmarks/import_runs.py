"""Import of checkpoints and their displacements, against the time that reading the files takes.

    python benchmarks/import_runs.py                  # all parts: 4 GB in the folder of temporary files, minutes
    python benchmarks/import_runs.py --parts large
    python benchmarks/import_runs.py --parts sums     # differences against a matrix of inner products

Parts: `torch` and `safetensors`, 8 runs of 40 checkpoints of 10^6 parameters (float32, 1.28 GB), and `large`, one run
of 40 checkpoints of 2 x 10^7 parameters (3.2 GB). Each is measured in a process of its own, whose peak memory is
printed. Reading and importing alternate; ratios are those of neighbors. Processor seconds are of one thread and files
in the page cache: read into one block of memory of 1 MiB, or into an array each. Cold files, put out of the cache
before each measurement, are in seconds of the clock, and imported with all threads.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dynamics import find_checkpoints, import_runs, mean_square_displacement
from dynamics.checkpoints import plan_import
from dynamics.checkpoints._kernel import add_moments

STEPS = np.unique(np.rint(np.geomspace(1, 100_000, 52)).astype(int))[:39]
PARTS = {"torch": (8, 1_000_000), "safetensors": (8, 1_000_000), "large": (1, 20_000_000)}
LAYERS, REPEATS, BLOCK = 8, 5, 1 << 20


def make(folder: Path, part: str) -> None:
    """Files of random walks whose step sizes fall off with time."""
    runs, parameters = PARTS[part]
    width = int(np.sqrt(parameters / LAYERS))
    for run in range(runs):
        rng = np.random.default_rng(run)
        shapes = {f"layers.{k}.{name}": shape for k in range(LAYERS)
                  for name, shape in (("weight", (width, width)), ("bias", (width,)))}  # fmt: skip
        tensors = {name: rng.normal(0, 0.02, shape).astype(np.float32) for name, shape in shapes.items()}
        (folder / f"run{run}").mkdir(parents=True)
        for step in (0, *STEPS.tolist()):
            write(folder / f"run{run}" / f"step_{step}", part, tensors)
            for name, shape in shapes.items():
                tensors[name] += 1e-3 * rng.standard_normal(shape, np.float32)


def write(path: Path, part: str, tensors: dict[str, np.ndarray]) -> None:
    """One checkpoint."""
    if part == "torch":
        import torch  # noqa: PLC0415 (only where its files are written)

        torch.save({name: torch.from_numpy(array) for name, array in tensors.items()}, path.with_suffix(".pt"))
        return
    header, place = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": (place, place := place + array.nbytes)}
    text = json.dumps(header).encode()
    with path.with_suffix(".safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(array.data)


def read(files: list[Path]) -> None:
    """Read all bytes of the files, into the same block of memory."""
    block = bytearray(BLOCK)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass


def load(files: list[Path]) -> None:
    """Read every file into an array of its own, as a program does that uses it."""
    for path in files:
        np.fromfile(path, np.uint8)


def put_out(files: list[Path]) -> None:
    """Put files out of the page cache."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def measure(folder: Path) -> dict[str, float]:
    """Ratios of import to reading, seconds of reading, and the peak memory in MiB."""
    files = sorted(path for path in folder.glob("run*/*") if path.is_file())
    pattern, output = str(folder / "run*" / "step_*"), folder / "runs.h5"
    plan = plan_import(find_checkpoints(pattern), jobs=1)  # compiles

    def imported(jobs: int, *, snapshots: bool) -> None:
        mean_square_displacement(import_runs(find_checkpoints(pattern), output, snapshots=snapshots, jobs=jobs))

    def seconds(clock: Callable[[], float], what: Callable[[], object]) -> float:
        begin = clock()
        what()
        return clock() - begin

    cached, cold = [], []
    for _ in range(REPEATS):
        first, second = (seconds(time.process_time, lambda how=how: how(files)) for how in (read, load))
        cached.append((first, second, seconds(time.process_time, lambda: imported(1, snapshots=False))))
    for _ in range(2):
        put_out(files)
        first = seconds(time.perf_counter, lambda: read(files))
        put_out(files)
        cold.append((first, seconds(time.perf_counter, lambda: imported(-1, snapshots=False))))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    first = seconds(time.process_time, lambda: read(files))
    copied = seconds(time.process_time, lambda: imported(1, snapshots=True)) / first
    return {
        "gigabytes": sum(path.stat().st_size for path in files) / 1e9,
        "pairs": plan.pairs,
        "read, cached (processor s)": float(np.median([a for a, _, _ in cached])),
        "read into arrays, cached (processor s)": float(np.median([a for _, a, _ in cached])),
        "import / read, cached": float(np.median([b / a for a, _, b in cached])),
        "import / read into arrays, cached": float(np.median([b / a for _, a, b in cached])),
        "read, cold (s)": float(np.median([a for a, _ in cold])),
        "import / read, cold": float(np.median([b / a for a, b in cold])),
        "with snapshots / read, cached": copied,
        "peak memory (MiB)": peak,
        "peak memory with snapshots (MiB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def sums() -> None:
    """Print errors and times of sums of d^2 from differences and from inner products of centered snapshots."""
    n, size = 40, 200_000
    first, second = np.triu_indices(n, 1)
    print("| step / spread | error of differences | of inner products | time, differences / inner products |")
    print("|---|---|---|---|")
    for step in (1e-1, 1e-3, 1e-5):
        rng = np.random.default_rng(0)
        walk = np.cumsum(step * rng.normal(size=(n, size)), axis=0) + rng.normal(size=size)
        far = np.concatenate([walk[:-1], walk[-1:] + 1.0])  # one far snapshot: the mean centers no cluster
        snapshots = far.astype(np.float32)
        squares, fourths = np.zeros((1, first.size)), np.zeros(first.size)
        add_moments(snapshots, first, second, np.array([0, size]), squares, fourths)  # compiles
        squares[:] = 0
        begin = time.process_time()
        add_moments(snapshots, first, second, np.array([0, size]), squares, fourths)
        middle = time.process_time()
        centered = snapshots - snapshots.mean(axis=0, dtype=np.float64)
        inner = centered @ centered.T
        gram = inner[first, first] + inner[second, second] - 2 * inner[first, second]
        end = time.process_time()
        exact = np.array([np.sum((np.longdouble(snapshots[b]) - snapshots[a]) ** 2)
                          for a, b in zip(first[::40], second[::40], strict=True)])  # fmt: skip
        errors = [float(np.max(np.abs(found[::40] / exact - 1))) for found in (squares[0], gram)]
        print(f"| {step:g} | {errors[0]:.1e} | {errors[1]:.1e} | {(middle - begin) / (end - middle):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=["sums", *PARTS], choices=["sums", *PARTS])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    for part in given.parts:
        if part == "sums":
            sums()
            continue
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), part)
            command = [sys.executable, __file__, "--measure", folder]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(part, *(f"  {name}: {value:.4g}" for name, value in found.items()), sep="\n", flush=True)


if __name__ == "__main__":
    main()
