import pickle
import re
import shutil

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, good, strict_json, tables
from support.sql import alter

from landscape import interchange

SMALL = ("--hidden", "3", "--rows", "100")
KEYS = {"dataset", "dataset_seed", "rows"}


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """Not to be written to."""
    path = tmp_path_factory.mktemp("db") / "f.db"
    good("explore", *SMALL, "--searches", 48, "--output", path, "--jobs", 1)
    return path


@pytest.fixture
def copy(db, tmp_path):
    return shutil.copy(db, tmp_path / "copy.db")


@pytest.mark.parametrize("more", [(), ("--paths",)])
def test_verify(db, more):
    before = db.read_bytes()
    result = strict_json(good("verify", db, "--jobs", 1, "--json", *more).out)
    assert result.keys() >= {"minima", "transition_states", "failures"} | KEYS
    assert (result["failures"], result["failed"], result["paths"]) == (0, [], bool(more))
    assert result["minima"] == len(tables(db)["tbl_minima"])
    assert result["transition_states"] == len(tables(db)["tbl_transition_states"]) > 3
    assert good("verify", db, "--jobs", 1, *more).out.startswith("All certificates hold: ")
    assert db.read_bytes() == before


def test_verify_ends_with_1_after_printing(copy):
    alter(copy, "UPDATE tbl_minima SET energy = energy - 1e-9 WHERE _id = 2")
    alter(copy, "UPDATE agescape_minima SET canonical_key = '' WHERE minimum_id IN (1, 2)")
    result = agescape("verify", copy, "--jobs", 1, "--json")
    assert (result.code, result.err) == (1, "")
    said = strict_json(result.out)
    assert said["failures"] == 2  # points
    assert sorted((f["id"], f["kind"]) for f in said["failed"]) == [(1, "minimum"), (2, "minimum"), (2, "minimum")]
    result = agescape("verify", copy, "--jobs", 1)
    assert (result.code, result.err) == (1, "")
    assert result.out.startswith("2 points fail of ")
    assert "minimum 1" in result.out
    assert "its loss is" in result.out


def test_npz_there_and_back(db, tmp_path):
    result = strict_json(good("export", db, "--output", tmp_path / "new" / "f.npz", "--json").out)
    assert result.keys() >= {"minima", "transition_states", "format", "output"} | KEYS
    assert result["format"] == "npz"
    back = strict_json(good("import", tmp_path / "new" / "f.npz", "--output", tmp_path / "g.db", "--json").out)
    assert (back["minima"], back["transition_states"]) == (result["minima"], result["transition_states"])
    assert (back["dataset"], back["dataset_seed"], back["rows"]) == ("ljat", 0, 100)
    assert tables(tmp_path / "g.db") == tables(db)


def test_pathsample_there_and_back(db, tmp_path):
    assert strict_json(good("export", db, "--output", tmp_path / "ps", "--json").out)["format"] == "pathsample"
    command = ("import", tmp_path / "ps", *SMALL, "--check-paths", "--jobs", 1, "--output", tmp_path / "g.db")
    result = strict_json(good(*command, "--json").out)
    assert result["minimum_status"] == {"CERTIFIED": result["minima"]}
    assert result["transition_state_status"] == {"CERTIFIED": result["transition_states"]}
    assert result["minima"] == len(tables(db)["tbl_minima"])
    assert strict_json(good("verify", tmp_path / "g.db", "--json", "--jobs", 1).out)["failures"] == 0
    assert_complaint(agescape(*command), "g.db exists already")
    good("export", db, "--output", tmp_path / "ps")  # again
    text = good(*command[:-1], tmp_path / "h.db").out
    assert re.search(rf"^minimum +{result['minima']}  stored unchanged$", text, re.MULTILINE)


def test_graphml(db, tmp_path):
    result = strict_json(good("export", db, "--output", tmp_path / "f.graphml", "--json").out)
    assert interchange.read_graphml(tmp_path / "f.graphml").graph.n_minima == result["minima"]
    assert_complaint(agescape("import", tmp_path / "f.graphml", "--output", tmp_path / "g.db"), "no coordinates")


def test_import_of_a_database_of_pele(db, tmp_path):
    theirs = shutil.copy(db, tmp_path / "pele.db")
    for table in [name for name in tables(db) if name.startswith("agescape")]:
        alter(theirs, f"DROP TABLE {table}")
    result = strict_json(good("import", theirs, *SMALL, "--jobs", 1, "--output", tmp_path / "g.db", "--json").out)
    assert result["minimum_status"] == {"CERTIFIED": len(tables(db)["tbl_minima"])}


def test_merge(db, tmp_path):
    good("explore", *SMALL, "--searches", 40, "--seed", 1, "--output", tmp_path / "b.db", "--jobs", 1)
    result = strict_json(good("merge", db, tmp_path / "b.db", "--output", tmp_path / "m.db", "--json").out)
    assert result.keys() >= {"minima", "transition_states", "searches", "files", "seed"} | KEYS
    assert (result["searches"], result["files"], result["seed"]) == (88, 2, 0)
    assert result["minima"] >= len(tables(db)["tbl_minima"])
    hits = [
        sum(row[2] for row in tables(path)["agescape_minima"]) for path in (db, tmp_path / "b.db", tmp_path / "m.db")
    ]
    assert hits[0] + hits[1] == hits[2]
    again = strict_json(
        good("explore", *SMALL, "--searches", 90, "--output", tmp_path / "m.db", "--jobs", 1, "--json").out
    )
    assert again["searches"] == 90
    good("merge", db, "--seed", 5, "--output", tmp_path / "n.db")
    good("explore", *SMALL, "--searches", 49, "--seed", 5, "--output", tmp_path / "n.db", "--jobs", 1)


# ---------------------------------------------------------------- bad input

WRONG = [
    (("verify",), "DATABASE"),
    (("verify", "{new}.db"), "{new}.db"),
    (("verify", "{text}"), "{text}"),
    (("verify", "{db}", "--bogus"), "--bogus"),
    (("verify", "{db}", "--jobs", "0"), "jobs"),
    (("verify", "{db}", "--jobs", "x"), "--jobs"),
    (("export", "{db}"), "--output"),
    (("export", "{db}", "--output", "{new}.txt"), "{new}.txt"),
    (("export", "{new}.db", "--output", "{new}.npz"), "{new}.db"),
    (("export", "{text}", "--output", "{new}.npz"), "{text}"),
    (("export", "{db}", "--output", "{text}/f.npz"), "{text}"),
    (("import", "--output", "{new}.db"), "SOURCE"),
    (("import", "{ps}"), "--output"),
    (("import", "{ps}", "--output", "{new}.db"), "--hidden"),
    (("import", "{ps}", "--hidden", "x", "--output", "{new}.db"), "--hidden"),
    (("import", "{ps}", "--hidden", "4", "--rows", "100", "--output", "{new}.db"), "points.min"),
    (("import", "{ps}", "--hidden", "3", "--rows", "50", "--jobs", "1", "--output", "{new}.db"), "{ps}: none of its"),
    (("import", "{ps}", "--hidden", "3", "--rows", "100", "--jobs", "0", "--output", "{new}.db"), "jobs"),
    (("import", "{folder}", "--hidden", "3", "--rows", "100", "--output", "{new}.db"), "points.min"),
    (("import", "{npz}", "--hidden", "3", "--output", "{new}.db"), "--hidden"),
    (("import", "{npz}", "--output", "{db}"), "{db} exists already"),
    (("import", "{new}", "--output", "{new}.db"), "{new}"),
    (("import", "{text}", "--hidden", "3", "--output", "{new}.db"), "{text}"),
    (("import", "{db}", "--hidden", "3", "--rows", "100", "--output", "{new}.db"), "is a database of agescape"),
    (("merge", "--output", "{new}.db"), "DATABASES"),
    (("merge", "{db}"), "--output"),
    (("merge", "{db}", "--output", "{db}"), "{db} exists already"),
    (("merge", "{db}", "{new}.db", "--output", "{new}.m.db"), "{new}.db"),
    (("merge", "{db}", "{text}", "--output", "{new}.db"), "{text}"),
    (("merge", "{db}", "{other}", "--output", "{new}.db"), "layer_sizes"),
    (("merge", "{db}", "--seed", "-1", "--output", "{new}.db"), "--seed"),
]


@pytest.fixture(scope="module")
def places(db, tmp_path_factory):
    folder = tmp_path_factory.mktemp("places")
    (folder / "text.txt").write_text("text " * 50)
    (folder / "empty").mkdir()
    good("export", db, "--output", folder / "ps")
    good("export", db, "--output", folder / "f.npz")
    good("explore", "--hidden", 2, "--rows", 100, "--searches", 1, "--output", folder / "other.db", "--jobs", 1)
    names = {"text": "text.txt", "folder": "empty", "ps": "ps", "npz": "f.npz", "other": "other.db"}
    return {name: str(folder / file) for name, file in names.items()} | {"db": str(db)}


@pytest.mark.parametrize(("arguments", "word"), WRONG, ids=lambda value: " ".join(value) if len(value) < 10 else "")
def test_bad_input_is_one_line(places, tmp_path, arguments, word):
    places = places | {"new": str(tmp_path / "new")}
    assert_complaint(agescape(*(argument.format(**places) for argument in arguments)), word.format(**places))
    assert list(tmp_path.iterdir()) == []


def test_ends_that_nobody_followed_are_counted_everywhere(places, tmp_path):
    ours = ("--hidden", 3, "--rows", 100, "--jobs", 1, "--json")
    found = strict_json(good("import", places["ps"], *ours, "--output", tmp_path / "a.db").out)
    n = found["transition_states"]
    assert (found["unchecked_ends"], found["contradictions"]) == (n, [])
    picture = tmp_path / "f.svg"
    for command in (("info",), ("verify", "--jobs", 1), ("graph", "--output", picture)):
        said = strict_json(good(command[0], tmp_path / "a.db", *command[1:], "--json").out)
        assert said["unchecked_ends"] == n, command
    assert f"which minima {n} of {n} transition states connect was not checked" in picture.read_text()
    checked = strict_json(good("import", places["ps"], *ours, "--check-paths", "--output", tmp_path / "b.db").out)
    assert checked["unchecked_ends"] == 0
    good("graph", tmp_path / "b.db", "--output", picture)
    assert "not checked" not in picture.read_text()


def test_an_import_says_where_the_file_contradicts_the_loss(places, tmp_path):
    folder = shutil.copytree(places["ps"], tmp_path / "ps")
    lines = (folder / "ts.data").read_text().splitlines()
    for k in range(4):
        energy, *rest = lines[k].split()
        lines[k] = " ".join([repr(float(energy) + 0.1 * 2**k), *rest])
    (folder / "ts.data").write_text("\n".join(lines))
    ours = ("--hidden", 3, "--rows", 100, "--jobs", 1)
    found = strict_json(good("import", folder, *ours, "--output", tmp_path / "a.db", "--json").out)
    assert found["transition_state_status"]["LOSS"] == len(found["contradictions"]) == 4
    assert "ts.data, line 3: the loss at its coordinates is" in found["contradictions"][2]
    assert "1 more points contradict" in good("import", folder, *ours, "--output", tmp_path / "b.db").out


@pytest.mark.parametrize("command", ["verify", "export", "import", "merge"])
def test_help(command):
    text = good(command, "--help").out
    assert all(option in text for option in ("Usage", "--json"))
    assert ("--seed" in text) == (command in {"import", "merge"})
    assert ("--jobs" in text) == (command in {"import", "verify"})


def test_hostile_pickles_do_not_run(copy, places, tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "sentinel"), "w")

    alter(copy, "UPDATE tbl_minima SET coords = ? WHERE _id = 1", pickle.dumps(Payload()))
    np.savez(tmp_path / "f.npz", provenance=np.array([Payload()], dtype=object))
    theirs = shutil.copy(copy, tmp_path / "pele.db")
    alter(theirs, "DROP TABLE agescape_provenance")
    new = ("--output", tmp_path / "new.db")
    for arguments in (
        ("verify", copy),
        ("export", copy, "--output", tmp_path / "g.npz"),
        ("merge", places["db"], copy, *new),
        ("import", theirs, *SMALL, *new),
        ("import", tmp_path / "f.npz", *new),
    ):
        assert_complaint(agescape(*arguments))
        assert not (tmp_path / "sentinel").exists()
    assert not (tmp_path / "new.db").exists()
