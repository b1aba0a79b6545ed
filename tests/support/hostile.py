"""Broken and hostile files for tests: specimens of every format, ways to damage them, and what must not follow.

A case is (reader, number): the number seeds all that is random, so that a failure can be made again.
"""

import io
import json
import os
import pickle
import resource
import shutil
import signal
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np

from dynamics.training import _replica as replica, _store as store
from dynamics.training._checkpoints import Checkpoints

SECONDS = 20  # of the processor: a case takes a tenth of one
PATIENCE = 180  # seconds of the clock, on a machine that does much else
HEADROOM = 1 << 30  # bytes of address space that a case may take
ODD_NUMBERS = [0, -1, 1, 2, 2**31 - 1, 2**31, 2**63 - 1, 10**12, 1e-300, 1e308, -1e308, float("nan"), float("inf"), 0.5]
ODD_VALUES = [*ODD_NUMBERS, None, True, "", "text", "\0", "9" * 5000, [], [1, 2], {}, {"name": "ljat"}, [[[]]], ["a"]]
ODD_WORDS = [b"nan", b"-inf", b"1e400", b"1e308", b"-1", b"0", b"", b"99999999999999999999", b"2147483648", b"0x10",
             b"1_0", b"\xff\xfe", b"\0", b'"', b"\xef\xbc\x91", b"x" * 5000, b"9" * 5000, b"1,2", b"\n\n", b"\r",
             b"<"]  # fmt: skip


class Ran:
    """A file that is unpickled blindly makes this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


class Hang(BaseException):
    """A case that took too long."""


@contextmanager
def bounded():
    """No more than `HEADROOM` of memory and `SECONDS` of time."""

    def stop(*_: object) -> None:
        raise Hang

    status = Path("/proc/self/status").read_text()
    used = 1024 * int(status.partition("VmSize:")[2].split()[0])
    old = resource.getrlimit(resource.RLIMIT_AS)
    timers = {signal.SIGPROF: (signal.ITIMER_PROF, SECONDS), signal.SIGALRM: (signal.ITIMER_REAL, PATIENCE)}
    handlers = {number: signal.signal(number, stop) for number in timers}
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, old[1]))
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, handlers[number])
        resource.setrlimit(resource.RLIMIT_AS, old)


# ---------------------------------------------------------------- damage to bytes and texts


def damaged_bytes(rng: np.random.Generator, content: bytes, magics: list[bytes]) -> bytes:
    """Bytes with some of them changed, cut off, put in, or with another beginning."""
    data, n = bytearray(content), max(1, len(content))
    data = data or bytearray(1)
    kind = rng.integers(8)
    if kind <= 1:  # flipped bits, in half of the cases near an end, where the headers are
        edges = np.r_[0 : min(n, 300), max(0, n - 300) : n]
        for _ in range(rng.integers(1, 9)):
            place = int(rng.choice(edges) if rng.random() < 0.5 else rng.integers(n))
            data[place] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        del data[int(rng.integers(n + 1)) :]
    elif kind == 3:
        place = int(rng.integers(n))
        some = rng.bytes(int(rng.integers(1, 64)))
        data[place : place + len(some)] = some
    elif kind == 4:
        magic = magics[int(rng.integers(len(magics)))]
        data[: len(magic)] = magic
    elif kind == 5:  # a number that lies
        place = int(rng.integers(min(n, 600) if rng.random() < 0.5 else n))
        width = int(rng.choice([1, 2, 4, 8]))
        half = 2 ** (8 * width - 1)
        value = (0, 1, half - 1, half, 2 * half - 1, 2**40 % half)[int(rng.integers(6))]
        data[place : place + width] = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
    elif kind == 6:
        a, b = sorted(rng.integers(n, size=2).tolist())
        data[a:a] = data[a:b]
    else:
        data = bytearray(rng.bytes(int(rng.integers(2000))))
    return bytes(data)


def damaged_text(rng: np.random.Generator, content: bytes) -> bytes:
    """Text with a word replaced, taken out or doubled."""
    words = [m for m in _words(content) if m[0] < m[1]]
    if not words:
        return content
    for start, end in sorted((words[int(i)] for i in rng.integers(len(words), size=rng.integers(1, 3))), reverse=True):
        content = content[:start] + ODD_WORDS[int(rng.integers(len(ODD_WORDS)))] + content[end:]
    return content


def _words(content: bytes) -> list[tuple[int, int]]:
    found, start = [], 0
    for place, byte in enumerate(content + b"\n"):
        if byte in b' ,\n\r\t"<>=:[]{}':
            found.append((start, place))
            start = place + 1
    return found


def damaged_json(rng: np.random.Generator, text: str) -> str:
    """JSON with a value somewhere replaced by an odd one, or no JSON."""
    if rng.random() < 0.1:
        return str(rng.choice(["", "[]", "null", "{", "[" * 100_000, '"a"', "NaN", "{}"]))
    value = json.loads(text)
    holder, odd = value, ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    while isinstance(holder, dict | list) and len(holder):
        key = (
            list(holder)[int(rng.integers(len(holder)))] if isinstance(holder, dict) else int(rng.integers(len(holder)))
        )
        if not (isinstance(holder[key], dict | list) and len(holder[key]) and rng.random() < 0.7):
            if isinstance(holder, dict) and rng.random() < 0.15:
                del holder[key]
            else:
                holder[key] = odd
            return json.dumps(value)
        holder = holder[key]
    return json.dumps(odd)


# ---------------------------------------------------------------- damage to formats


def damage_sqlite(rng: np.random.Generator, path: Path, sentinel: Path) -> None:
    """One value of a table replaced, or the schema changed."""
    pool = [None, "text", b"", b"123", float("inf"), -1e308, 1e308, 0, -1, 2**63 - 1, "9" * 5000, bytes(5_000_000),
            pickle.dumps(Ran(sentinel)), pickle.dumps(np.array([Ran(sentinel)], dtype=object)),
            pickle.dumps(np.full(25, np.nan)), pickle.dumps(np.ones((5, 5))), pickle.dumps(np.ones(25, complex)),
            pickle.dumps(np.full(25, 1e300)), b"\x80\x04]r\xff\xff\xff\x7f.", np.full(25, np.inf).tobytes(),
            np.zeros(25).tobytes()]  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = names[int(rng.integers(len(names)))]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        column = columns[int(rng.integers(len(columns)))]
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
        if rng.random() < 0.07:
            statement = [f"DROP TABLE {table}", f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
                         f"DELETE FROM {table}", f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT 1; END",
                         f"ALTER TABLE {table} ADD COLUMN more", "PRAGMA user_version = 7"]  # fmt: skip
            connection.execute(statement[int(rng.integers(len(statement)))])
            return
        if not rows:
            return
        row = rows[int(rng.integers(len(rows)))]
        value: Any = pool[int(rng.integers(len(pool)))]
        if table == "agescape_provenance" and rng.random() < 0.8:
            column = "value"
            ((old,),) = connection.execute(f"SELECT value FROM {table} WHERE rowid = ?", (row,)).fetchall()
            value = damaged_json(rng, old)
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))
        except sqlite3.IntegrityError:
            pass  # NOT NULL and the like: the file stays good


def odd_array(rng: np.random.Generator, old: np.ndarray, sentinel: Path | None) -> np.ndarray:
    """An array in place of another: of another type or shape, or with odd numbers."""
    kind = int(rng.integers(8))
    if kind == 0 and old.dtype.kind in "fiu":
        return np.nan_to_num(old).clip(0, 100).astype(rng.choice(["f2", "i1", "c16", "S3", "?", "u8"]), copy=True)
    if 0 < kind < 5:
        several = np.concatenate([old, old]) if old.ndim else np.array([old, old])
        return (old.reshape(-1), old[..., None], old[:0] if old.ndim else np.zeros(0), several)[kind - 1]
    if kind == 5 and sentinel is not None:
        return np.array([Ran(sentinel)] * max(1, min(old.size, 3)), dtype=object)
    if old.dtype.kind not in "fiu" or not old.size:
        return np.array(["text"])
    new = np.array(old)
    odd = ODD_NUMBERS[int(rng.integers(len(ODD_NUMBERS)))]
    if new.dtype.kind in "iu" and not (np.isfinite(odd) and np.iinfo(new.dtype).min <= odd <= np.iinfo(new.dtype).max):
        odd = np.iinfo(new.dtype).max
    with np.errstate(over="ignore"):
        new.reshape(-1)[rng.integers(new.size, size=1 if kind == 6 else new.size)] = odd
    return new


def damage_hdf5(rng: np.random.Generator, path: Path) -> None:
    """One array or attribute replaced; some of the arrays are larger than any memory, others lie in other files."""
    with h5py.File(path, "r+") as file:
        if rng.random() < 0.35:
            name = str(rng.choice(["metadata"] * 4 + ["layer_sizes", "format", "format_version"]))
            odd: Any = [1, -1, "text", b"\xff", np.array([2, 10**12, 4]), np.array([2.5, 3, 4]), np.array([b"a"]),
                        np.array([-1, 3]), np.zeros(0), np.arange(8000)][int(rng.integers(10))]  # fmt: skip
            if name == "metadata" and rng.random() < 0.9:
                odd = damaged_json(rng, file.attrs["metadata"])[:60_000]
            file.attrs[name] = odd
            return
        name = list(file)[int(rng.integers(len(file)))]
        old = file[name][...]
        del file[name]
        kind = int(rng.integers(9))
        if kind == 0:
            shape = (old.shape[0], *(10**6 for _ in old.shape[1:])) if rng.random() < 0.5 else (10**12,) * old.ndim
            file.create_dataset(name, shape, old.dtype, chunks=tuple(min(n, 1000) for n in shape), fillvalue=1)
        elif kind == 1:
            file[name] = h5py.ExternalLink(str(path), "steps") if rng.random() < 0.5 else h5py.SoftLink(f"/{name}")
        elif kind == 2:
            file.create_group(name)
        elif kind == 3:
            file.create_dataset(name, old.shape, h5py.string_dtype())
        elif kind == 4:
            layout = h5py.VirtualLayout(shape=old.shape, dtype=old.dtype)
            layout[...] = h5py.VirtualSource("other.h5", name, shape=old.shape)
            file.create_virtual_dataset(name, layout)
        elif kind == 5:
            file.create_dataset(
                name, old.shape, old.dtype, external=[(str(path.with_name("raw")), 0, h5py.h5f.UNLIMITED)]
            )
        else:
            new = odd_array(rng, old, None)
            file[name] = new if new.dtype.kind != "U" else new.astype("S")


def damage_npz(rng: np.random.Generator, path: Path, sentinel: Path) -> None:
    """One array replaced, or its header, or all of it a bomb."""
    with zipfile.ZipFile(path) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    name = list(members)[int(rng.integers(len(members)))]
    kind, beginning = int(rng.integers(8)), b""
    if kind == 0:
        members[name] = lying_npy(SHAPES[int(rng.integers(len(SHAPES)))], members[name][128:])
    elif kind == 1 and rng.random() < 0.3:
        del members[name]
        beginning = bomb(name)
    elif kind == 2:
        del members[name]
    elif kind == 3:
        members[name] = damaged_bytes(rng, members[name], [b"\x93NUMPY\x09\x00", b"\x80\x04."])
    else:
        with np.load(path, allow_pickle=False) as arrays:
            old = arrays[name.removesuffix(".npy")]
        content = io.BytesIO()
        np.save(content, odd_array(rng, old, sentinel), allow_pickle=True)
        members[name] = content.getvalue()
    path.write_bytes(beginning)
    with zipfile.ZipFile(path, "a") as file:
        for member, content in members.items():
            file.writestr(member, content)


@cache
def bomb(name: str) -> bytes:
    """A zip file with one array of 1.2 GB in 1.2 MB: its bytes do follow."""
    file, zeros = io.BytesIO(), bytes(10_000_000)
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as opened,
    ):
        opened.write(lying_npy("(150000000,)"))
        for _ in range(120):
            opened.write(zeros)
    return file.getvalue()


SHAPES = ["(1000000000000,)", "(3, 1000000000000)", "(-1,)", "()", "(0,)", "(2147483648, 2)", "(1, ", "(1,)" * 3000]


def lying_npy(shape: str, content: bytes = b"", dtype: str = "<f8") -> bytes:
    """An npy file whose header says that shape."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(118 - 1)[:60_000] + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def damage_npy(rng: np.random.Generator, path: Path, sentinel: Path) -> None:
    """The array replaced, or its header."""
    if rng.random() < 0.4:
        path.write_bytes(lying_npy(SHAPES[int(rng.integers(len(SHAPES)))], path.read_bytes()[128:]))
        return
    np.save(path, odd_array(rng, np.load(path), sentinel), allow_pickle=True)


def damage_idx(rng: np.random.Generator, path: Path) -> None:
    """Sizes in the header that lie."""
    content = bytearray(path.read_bytes())
    place = 4 * int(rng.integers(1, 1 + content[3]))
    content[place : place + 4] = struct.pack(">I", int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 1000])))
    path.write_bytes(content)


def damage_settings(rng: np.random.Generator, path: Path) -> None:
    """A value of a JSON file replaced."""
    path.write_text(damaged_json(rng, path.read_text()))


# ---------------------------------------------------------------- readers


@dataclass(frozen=True)
class Reader:
    """What reads a format: command lines, in which words in braces are paths.

    `target`, a file of the specimens, is damaged; `damage` is the way for this format.
    """

    name: str
    target: str
    commands: tuple[tuple[str, ...], ...]
    damage: Callable[[np.random.Generator, Path, Path], None] | None = None
    text: bool = False


LOSS = ("--hidden", "3", "--rows", "100")
RUNS = ("--replicas", "3", "--steps", "40", "--batch-size", "20", "--jobs", "1")
PICTURE = ("--output", "{new}.svg")
OVERLAY = ("--runs", "1", "--method", "lbfgs", "--jobs", "1", *PICTURE)
IMPORT = (*LOSS, "--output", "{new}.db", "--jobs", "1")
FROM_START = ("--output", "{new}.h5", *RUNS)
DATABASE = (
    ("info", "{here}"),
    ("export", "{here}", "--output", "{new}.npz"),
    ("path", "{here}", "1", "2", *PICTURE),
    ("verify", "{here}", "--jobs", "1"),
    ("merge", "{here}", "--output", "{new}.db"),
    ("geometry", "{here}", *PICTURE, "--jobs", "1"),
    ("export", "{here}", "--output", "{new}.graphml"),
    ("graph", "{here}", *PICTURE),
    ("explore", *LOSS, "--searches", "49", "--output", "{here}", "--jobs", "1"),
    ("overlay", "{here}", "{f.h5}", *OVERLAY),
    ("train", *LOSS, "--start", "minima:{here}", *FROM_START),
)
TRAJECTORIES = (
    ("info", "{here}"),
    ("age", "{here}"),
    ("age", "{here}", "{f.h5}"),
    ("observe", "{here}"),
    ("curvature", "{here}", "--jobs", "1", "--runs", "1"),
    ("age", "{f.h5}", "--control", "{here}"),
    ("overlay", "{f.db}", "{here}", *OVERLAY),
    ("train", *LOSS, "--output", "{here}", *RUNS),
)
MNIST = ("train", "--dataset", "mnist", "--data-dir", "{up}", "--hidden", "3", "--rows", "4", "--steps", "2",
         "--batch-size", "2", "--replicas", "1", "--jobs", "1", "--output", "{new}.h5")  # fmt: skip
TABLE = (("info", "{here}"),)
STUDY = (("compare", "{folder}/study", *PICTURE, "--table", "{new}.json"),)


def _p(name: str) -> tuple[tuple[str, ...], ...]:
    return (("train", *LOSS, "--output", f"{{folder}}/{name}.h5", *RUNS),)


def _any(damage: Callable[[np.random.Generator, Path], None]) -> Callable[[np.random.Generator, Path, Path], None]:
    return lambda rng, path, _: damage(rng, path)


READERS = (
    Reader("database", "f.db", DATABASE, damage_sqlite),
    Reader("runs", "f.h5", TRAJECTORIES, _any(damage_hdf5)),
    Reader("runs with moments", "w.h5", (*TRAJECTORIES[:3], (*TRAJECTORIES[3], "--what", "alpha2")), _any(damage_hdf5)),
    Reader("part", "p.h5.parts/0000000-0000002.npz", _p("p"), damage_npz),
    Reader("checkpoint", "p.h5.parts/0000002.checkpoint", _p("p"), damage_npz),
    Reader("finished checkpoint", "q.h5.parts/0000002.checkpoint", _p("q"), damage_npz),
    Reader("settings", "p.h5.parts/settings.json", _p("p"), _any(damage_settings), text=True),
    Reader("measurement", "f.h5.curvature/*.npz",
           (("curvature", "{folder}/f.h5", "--jobs", "1", "--runs", "1"),), damage_npz),
    Reader("npz of starts", "points.npz", (("train", *LOSS, "--start", "file:{here}", *FROM_START),), damage_npz),
    Reader("npy of starts", "points.npy", (("train", *LOSS, "--start", "file:{here}", *FROM_START),), damage_npy),
    Reader("csv", "data.csv", TABLE, text=True),
    Reader("MLPdata", "MLPdata", TABLE, text=True),
    Reader("npz table", "data.npz", TABLE, damage_npz),
    Reader("npz export", "export.npz", (("import", "{here}", "--output", "{new}.db"),), damage_npz),
    Reader("images", "idx/train-images-idx3-ubyte", (MNIST,), _any(damage_idx)),
    Reader("labels", "idx/train-labels-idx1-ubyte", (MNIST,), _any(damage_idx)),
    Reader("min.data", "ps/min.data", (("import", "{up}", *IMPORT),), text=True),
    Reader("ts.data", "ps/ts.data", (("import", "{up}", *IMPORT),), text=True),
    Reader("points.min", "ps/points.min", (("import", "{up}", *IMPORT),)),
    Reader("database of pele", "pele.db", (("import", "{here}", *IMPORT),), damage_sqlite),
    Reader("graphml", "f.graphml", (), text=True),
    Reader("points.ts", "ps/points.ts", (("import", "{up}", *IMPORT),)),
    Reader("test images", "idx/t10k-images-idx3-ubyte", (MNIST,), _any(damage_idx)),
    Reader("database of a study", "study/h3/landscape.db", STUDY, damage_sqlite),
    Reader("runs of a study", "study/h3/sgd.h5", STUDY, _any(damage_hdf5)),
)  # fmt: skip


# ---------------------------------------------------------------- specimens and cases


def make_specimens(folder: Path, agescape: Callable[..., Any]) -> None:
    """One good file of each kind in `folder`."""

    def run(*arguments: object) -> None:
        result = agescape(*arguments)
        assert result.code == 0, result

    run("explore", *LOSS, "--searches", 48, "--output", folder / "f.db", "--jobs", 1)
    run("train", *LOSS, *RUNS, "--output", folder / "f.h5")
    run("train", *LOSS, *RUNS, "--output", folder / "w.h5", "--snapshots", "waiting")
    run("curvature", folder / "f.h5", "--jobs", 1, "--runs", 1)
    for name in ("export.npz", "f.graphml", "ps"):
        run("export", folder / "f.db", "--output", folder / name)
    for name in ("data.csv", "data.npz"):
        run("data", "ljat", "--rows", 12, "--test-rows", 4, "--output", folder / name)
    rows = [line.split(",") for line in (folder / "data.csv").read_text().splitlines()[1:]]
    (folder / "MLPdata").write_text("".join(f"{row[-1]} {' '.join(row[:-1])}\n" for row in rows))
    np.save(folder / "points.npy", np.ones((3, 25)))
    np.savez(folder / "points.npz", points=np.ones((3, 25)))
    (folder / "study" / "h3").mkdir(parents=True)
    shutil.copy(folder / "f.db", folder / "study" / "h3" / "landscape.db")
    shutil.copy(folder / "f.h5", folder / "study" / "h3" / "sgd.h5")
    _make_parts(folder, agescape)
    _make_idx(folder / "idx")
    _make_pele(folder / "f.db", folder / "pele.db")


def _make_parts(folder: Path, agescape: Callable[..., Any]) -> None:
    """What an interrupted `train` leaves: two runs in a part, and a third, unfinished (p) or finished (q)."""

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    save = Checkpoints.save

    def save_once(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    for name, kind, method, new in (("p", Checkpoints, "save", save_once), ("q", store.FileStore, "add", interrupt)):
        command = ("train", *LOSS, *RUNS[2:], "--output", folder / f"{name}.h5", "--replicas")
        with mock.patch.object(store.FileStore, "finish", interrupt):
            assert agescape(*command, 2).code == 130
        with (
            mock.patch.object(kind, method, new),
            mock.patch.object(store, "SECONDS", 0.0),
            mock.patch.object(replica, "FIRST_CHUNK", 7),
            mock.patch.object(replica, "CHUNK", 7),
        ):
            assert agescape(*command, 3).code == 130
        assert (folder / f"{name}.h5.parts" / "0000002.checkpoint").exists()


def _make_idx(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images, labels = rng.integers(256, size=(6, 3, 3), dtype=np.uint8), np.arange(6, dtype=np.uint8)
        for array, name in ((images, "images-idx3"), (labels, "labels-idx1")):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())


def _make_pele(source: Path, path: Path) -> None:
    shutil.copy(source, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'agescape%'").fetchall():
            connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute("VACUUM")


def damaged_copy(reader: Reader, number: int, specimens: Path, folder: Path) -> Path:
    """A copy of all specimens in `folder`, with the reader's file damaged: its path."""
    rng = np.random.default_rng([READERS.index(reader), number])
    shutil.copytree(specimens, folder)
    path = min(folder.glob(reader.target))
    magics = [file.read_bytes()[:16] for file in sorted(specimens.glob("*.*")) if file.is_file()]
    chance = rng.random()
    if reader.damage is not None and chance < 0.6:
        reader.damage(rng, path, folder / "ran")
    elif reader.text and chance < 0.8:
        path.write_bytes(damaged_text(rng, path.read_bytes()))
    else:
        path.write_bytes(damaged_bytes(rng, path.read_bytes(), magics))
    return path


def command_line(reader: Reader, number: int, path: Path, folder: Path) -> list[str]:
    """The command of a case, its paths put in."""
    places = {
        "here": path, "up": path.parent, "folder": folder, "new": folder / "new", "f.h5": folder / "f.h5",
        "f.db": folder / "f.db",
    }  # fmt: skip
    words = list(reader.commands[number % len(reader.commands)])
    for name, place in places.items():
        words = [word.replace(f"{{{name}}}", str(place)) for word in words]
    return words


# ---------------------------------------------------------------- arguments

ODD_ARGUMENTS = ["", " ", "nan", "inf", "-1", "-0.5", "1e400", "x", "--", "-", "--json", "--bogus", "9" * 5000,
                 "10" * 12, "1,2", ",", "é\u202e", "\udcff", "/", ".", "/dev/null", "{folder}", "{f.db}",
                 "{f.h5}", "{folder}/idx",
                 "{f.db}/x", "[]", "%s%n", "{}", "a\nb", "-inf", "0x1", "1_0", "x" * 300, "x" * 5000, "~", "*",
                 "--help"]  # fmt: skip
GOOD_COMMANDS = (
    ("data", "ljat", "--rows", "5", "--edge", "1.35", "--seed", "1", "--test-rows", "0", "--output", "{new}.csv"),
    ("explore", *LOSS, "--searches", "1", "--seed", "1", "--regularization", "1e-4", "--output", "{new}.db",
     "--jobs", "1"),
    ("explore", *LOSS, "--dataset", "{folder}/data.csv", "--budget", "0s", "--output", "{new}.db", "--jobs", "1"),
    ("graph", "{f.db}", *PICTURE, "--certified-only", "--min-branch", "2"),
    ("graph", "{f.db}", *PICTURE, "--levels", "5", "--color", "id", "--max-minima", "5", "--emin", "0", "--emax", "9"),
    ("path", "{f.db}", "1", "2", "--temperature", "0.1", *PICTURE),
    ("geometry", "{f.db}", *PICTURE, "--table", "{new}.csv", "--jobs", "1"),
    ("train", *LOSS, *RUNS, "--output", "{new}.h5", "--seed", "1", "--learning-rate", "0.05",
     "--schedule", "cosine:40,0.1"),
    ("train", *LOSS, *RUNS, "--output", "{new}.h5", "--noise", "langevin", "--temperature", "1e-4",
     "--momentum", "0.5"),
    ("train", *LOSS, *RUNS, "--output", "{new}.h5", "--noise", "persistent", "--persistence", "3",
     "--start", "normal:0.1"),
    ("train", *LOSS, *RUNS, "--output", "{new}.h5", "--waiting-times", "3,5", "--lags", "1,2", "--label-noise", "0.1"),
    ("train", *LOSS, *RUNS, "--output", "{new}.h5", "--lags-multiple-of", "epoch", "--lags-per-decade", "4",
     "--snapshots", "waiting", "--precision", "float64", "--dataset-seed", "3"),
    ("age", "{f.h5}", "--threshold", "0.01", "--from-waiting-time", "5", "--seed", "2", *PICTURE),
    ("observe", "{f.h5}", "--what", "layers", "--separations", "1,2", "--runs", "2", "--threshold", "0.1"),
    ("curvature", "{f.h5}", "--jobs", "1", "--runs", "1", "--steps", "3", "--store", "{new}.curvature"),
    ("curvature", "{f.h5}", "--jobs", "1", "--runs", "1", "--lanczos", "--probes", "2", "--lanczos-steps", "4"),
    ("overlay", "{f.db}", "{f.h5}", *OVERLAY, "--snapshots", "2", "--run", "0"),
    ("verify", "{f.db}", "--jobs", "1"),
    ("compare", "{folder}", "--threshold", "0.01", "--table", "{new}.csv"),
    ("export", "{f.db}", "--output", "{new}.npz"),
    ("import", "{folder}/ps", *IMPORT),
    ("merge", "{f.db}", "--output", "{new}.db", "--seed", "3"),
    ("info", "{f.db}"),
    ("reproduce", "list"),
)  # fmt: skip


def odd_command(number: int, folder: Path) -> list[str]:
    """A good command line with a word replaced, left out or put in."""
    rng = np.random.default_rng([99, number])
    words = list(GOOD_COMMANDS[number % len(GOOD_COMMANDS)])
    place = int(rng.integers(1, len(words)))
    odd = ODD_ARGUMENTS[int(rng.integers(len(ODD_ARGUMENTS)))]
    kind = int(rng.integers(4))
    if kind == 0:
        del words[place]
    elif kind == 1:
        words.insert(place, odd)
    else:
        words[place] = odd
    places = {"folder": folder, "new": folder / "new", "f.h5": folder / "f.h5", "f.db": folder / "f.db"}
    for name, path in places.items():
        words = [word.replace(f"{{{name}}}", str(path)) for word in words]
    return words
