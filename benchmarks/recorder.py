"""Cost of `dynamics.Recorder` in a training loop: a step that is not recorded, and one that is.

    python benchmarks/recorder.py

Processor time, the best of several repetitions; the empty loop is subtracted. A recorded step is compared with writing
the same bytes to a file.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from dynamics import Recorder, RecordingSchedule

STEPS, PARAMETERS, REPEATS = 1_000_000, 1_000_000, 5


def seconds(work):
    times = []
    for repeat in range(REPEATS):
        begin = time.process_time()
        work(repeat)
        times.append(time.process_time() - begin)
    return min(times)


def skipped(folder, **curves):
    """Nanoseconds of a step that is not recorded."""
    recorder = Recorder(
        folder / f"skipped{len(curves)}.h5", RecordingSchedule(2 * STEPS * REPEATS, waiting_times=[1], lags=[1])
    )
    model = np.zeros(3)
    recorder.step(model, **curves)
    recorder.step(model, **curves)
    recorder.step(model, **curves)

    def loop(repeat):
        for _ in range(STEPS):
            recorder.step(model, **curves)

    def empty(repeat):
        for _ in range(STEPS):
            pass

    try:
        return (seconds(loop) - seconds(empty)) / STEPS * 1e9
    finally:
        recorder._stack.close()


def recorded(folder, keep):
    """Milliseconds of a recorded step, and of writing as many bytes."""
    schedule = RecordingSchedule(10 * REPEATS, waiting_times=[1], lags=np.arange(1, 10 * REPEATS))
    recorder = Recorder(folder / f"{keep}.h5", schedule, keep=keep, join=False)
    model = {f"{k}.weight": np.full(PARAMETERS // 10, k, np.float32) for k in range(10)}
    recorder.step(model)
    recorder.step(model)
    data = np.zeros(PARAMETERS, np.float32).tobytes()
    with (folder / "bytes").open("wb", buffering=0) as file:
        plain = seconds(lambda repeat: [file.write(data) for _ in range(9)])
    taken = seconds(lambda repeat: [recorder.step(model) for _ in range(9)])
    recorder.close()
    return taken / 9 * 1e3, plain / 9 * 1e3


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"a step that is not recorded: {skipped(folder):.0f} ns; with a loss {skipped(folder, loss=1.0):.0f} ns")
        for keep in ("snapshots", "displacements"):
            taken, plain = recorded(folder, keep)
            print(
                f"a recorded one of {PARAMETERS:,} parameters, {keep}: {taken:.1f} ms; their bytes alone {plain:.1f} ms"
            )


if __name__ == "__main__":
    main()
