"""The front door: help, versions, suggestions, verbosity, what is said of errors, and what starts fast."""

import importlib.util
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numba
import numpy as np
import pytest
import typer
from rich.console import Console
from support.cli import MAIN, SMALL, agescape, assert_complaint, good, strict_json
from support.paths import ROOT
from support.processes import DEEP, attempts, start, stop_when

import agescape as package
import bridge.commands.explore
import bridge.commands.info
import dynamics
import landscape
from bridge.commands import _progress
from bridge.commands._expansion import expanded
from bridge.commands._failures import BUG, in_options, is_complaint, was_interrupted
from bridge.commands._group import EVERYWHERE, app
from bridge.commands._help import row
from bridge.commands._notes import ANNOUNCE, notes_on_stderr
from bridge.commands._parsing import parse_hidden
from bridge.commands._registry import COMMANDS
from bridge.commands._results import Summary, show
from bridge.commands._wording import options_of_command
from dynamics.training import SGD, train
from landscape import CrossEntropyLoss, datasets
from landscape.networks import MLP
from landscape.support import njit

GROUP: Any = typer.main.get_command(app)
USES_JOBS = {"explore", "verify", "graph", "geometry", "train", "curvature", "study", "overlay", "explain", "import",
             "import-runs", "reproduce"}  # fmt: skip
USES_SEED = {"explore", "train", "age", "observe", "curvature", "study", "explain", "compare", "merge", "import",
             "reproduce"}  # fmt: skip
DRAWS = {"graph", "path", "geometry", "age", "observe", "curvature", "study", "overlay", "explain", "compare",
         "reproduce"}  # fmt: skip
DRAWS_PANELS = {"age", "observe", "curvature", "overlay", "explain", "reproduce"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind. Not to be written to."""
    folder = tmp_path_factory.mktemp("files")
    data = datasets.ljat(rows=30, seed=0, test_rows=0)
    datasets.write_table(data, folder / "data.csv")
    train(CrossEntropyLoss(MLP((2, 2, 4)), data), SGD(batch_size=10), replicas=2, steps=40, path=folder / "f.h5")
    return {"db": ROOT / "examples" / "databases" / "n1000-h1-1.db", "csv": folder / "data.csv",
            "h5": folder / "f.h5"}  # fmt: skip


def options(name):
    return {option for parameter in GROUP.load(name).params for option in parameter.opts}


def test_a_warning_is_shown_once(capsys):
    with notes_on_stderr():
        for text in ("column 2 numbers the rows", "column 2 numbers the rows", "another"):
            logging.getLogger("landscape.datasets").warning(text)
    assert capsys.readouterr().err.splitlines() == ["agescape: column 2 numbers the rows", "agescape: another"]


def test_a_dataclass_of_options_is_an_argument_of_a_command():
    @dataclass(frozen=True, kw_only=True)
    class Sizes:
        width: Annotated[int, typer.Option(help="Width.")] = 3
        deep: Annotated[bool, typer.Option("--deep", help="Depth.")] = False

    def command(name: str, *, sizes: Sizes, last: int = 1) -> None:
        found.append((name, sizes, last))

    found: list[Any] = []
    alone = typer.Typer()
    alone.command()(expanded(command))
    run = typer.main.get_command(alone)
    assert [parameter.name for parameter in run.params][:4] == ["name", "width", "deep", "last"]
    run(["a", "--width", "5", "--last", "2"], standalone_mode=False)
    run(["b", "--deep"], standalone_mode=False)
    assert found == [("a", Sizes(width=5), 2), ("b", Sizes(deep=True), 1)]


# ---------------------------------------------------------------- help


def test_without_a_command_the_help_is_shown():
    assert good().out == good("--help").out == good("-h").out
    assert good("data").out == good("data", "-h").out
    text = good().out
    for panel in {entry.panel for entry in COMMANDS.values()}:
        assert panel in text
    for name, entry in COMMANDS.items():
        assert f" {name} " in text
        assert entry.help.split()[0] in text


def test_the_version():
    assert good("--version").out == f"agescape {version('agescape')}\n"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "data"])
def test_a_command_has_the_options_that_do_something(name):
    assert ("--jobs" in options(name)) == (name in USES_JOBS)
    assert ("--seed" in options(name)) == (name in USES_SEED)
    assert ("--size" in options(name)) == (name in DRAWS)
    assert ("--panel" in options(name)) == (name in DRAWS_PANELS)
    assert options(name) >= {"--json", "--quiet", "-q", "--verbose", "-v", "--debug"}


@pytest.mark.parametrize(
    ("arguments", "wrong", "right"),
    [
        (("age",), "colapse", "collapse"),
        (("age", "h5"), "al", "all"),  # of several files
        (("observe", "--what", "curves,alpha2"), "alpha", "alpha2"),
        (("curvature",), "spectrum", "spectra"),
        (("explain", "db"), "agging", "aging"),
    ],
)
def test_a_panel_that_does_not_exist_is_named_before_the_work(files, tmp_path, arguments, wrong, right):
    name, *rest = arguments
    given = [files.get(one, one) for one in rest if one in files]
    others = [one for one in rest if one not in files]
    result = agescape(name, *given, files["h5"], *others, "--output", tmp_path / "f.svg", "--panel", wrong)
    assert_complaint(result, f"got '{wrong}'", f"did you mean {right}?")
    assert not (tmp_path / "f.svg").exists()


def test_panels_and_sizes_need_a_figure(files):
    assert_complaint(agescape("age", files["h5"], "--panel", "msd"), "--panel", "--output")
    assert_complaint(agescape("age", files["h5"], "--size", "page"), "--size", "--output")
    result = agescape("overlay", files["db"], files["h5"], "--output", "f.svg", "--panel", "dwells")
    assert_complaint(result, "--panel", "--over-time")


def test_a_figure_has_the_panels_and_the_width_that_were_asked_for(files, tmp_path):
    chosen = ("--output", tmp_path / "f.svg", "--panel", "curves,layers", "--size", "column")
    good("observe", files["h5"], "--what", "curves,layers,onset", *chosen)
    head = (tmp_path / "f.svg").read_text()
    assert f'width="{3.4 * 72:g}pt"' in head
    assert head.count('<g id="axes_') == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does_in_a_sentence(name):
    group = GROUP.load(name)
    for command in getattr(group, "commands", {"": group}).values():
        assert command.help
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert text[:1].isupper() or text.split()[0].strip(",.:").islower(), parameter
            assert text.endswith((".", "]")), (name, parameter.name, text)


def test_the_help_says_what_the_command_itself_says():
    for name, entry in COMMANDS.items():
        assert entry.help.endswith("."), name
        assert len(entry.help) < 80
        assert GROUP.load(name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explore", "--serches", 3), ("--serches", "--searches")),  # though --hidden and --output are missing
        (("train", "--hiden", 3), ("--hiden", "--hidden")),
        (("exlore",), ("exlore", "explore")),
        (("data", "ljta"), ("ljta", "ljat")),
        (("--versoin",), ("--versoin", "--version")),
    ],
)
def test_what_is_misspelled_is_named_with_what_there_is(arguments, words):
    assert_complaint(agescape(*arguments), *words)


def test_completion_for_a_shell():
    done = subprocess.run(
        [sys.executable, "-m", "agescape"],
        env=os.environ | {"_AGESCAPE_COMPLETE": "complete_bash", "COMP_WORDS": "agescape ex", "COMP_CWORD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["explore", "explain", "export"]


# ---------------------------------------------------------------- the package of this name


def test_the_package_finds_the_three():
    assert (package.landscape, package.dynamics, package.bridge) == (landscape, dynamics, bridge)
    assert package.__version__ == version("agescape")
    assert {"landscape", "dynamics", "bridge", "__version__"} <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'physics'"):
        package.physics  # noqa: B018


def test_python_runs_the_package():
    done = subprocess.run(
        [sys.executable, "-m", "agescape", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"agescape {version('agescape')}\n")


# ---------------------------------------------------------------- a fast start

LOADED = "import json, sys\n{}\njson.dump(sorted(sys.modules), sys.stdout)"


def loaded(code):
    """Modules that are loaded after some code."""
    done = subprocess.run([sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def running(*arguments):
    return (
        f"sys.argv = ['agescape', *{list(map(str, arguments))!r}]\nimport io, contextlib\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    from bridge.cli import main; main()"
    )


def test_help_imports_nothing_heavy():
    there = loaded(running("--help"))
    assert not there & {"numpy", "scipy", "numba", "pydantic", "matplotlib", "landscape.support"}
    assert "numpy" not in loaded("import agescape, landscape, dynamics, bridge")


def test_info_compiles_nothing(files):
    for file in ("db", "h5", "csv"):
        there = loaded(running("info", files[file]))
        assert not there & {"numba", "scipy.optimize", "scipy.stats", "matplotlib", "joblib", "torch"}
        assert "networkx.algorithms" not in there


# ---------------------------------------------------------------- what is said, and how much of it


def test_a_first_look_says_what_it_does_and_how_to_continue(monkeypatch, tmp_path):
    monkeypatch.setattr(bridge.commands.explore, "FIRST_LOOK", 3)
    result = agescape("explore", *SMALL, "--output", tmp_path / "f.db", "--jobs", 1, "--json")
    assert result.code == 0
    assert strict_json(result.out)["searches"] == 3
    assert result.err == (
        "agescape: exploring with 3 searches, for a first look; continue with --searches or --budget\n"
    )
    quiet = agescape("--quiet", "explore", *SMALL, "--output", tmp_path / "f.db", "--jobs", 1, "--json")
    assert (quiet.code, quiet.err) == (0, "")


@pytest.mark.parametrize("place", [("--verbose", "info"), ("info", "-v")])
def test_verbose_shows_what_is_logged(files, monkeypatch, place):
    log = logging.getLogger("landscape.database")
    monkeypatch.setattr(bridge.commands.info, "summarize_database", lambda *_: log.info("a detail") or 1 / 0)
    result = agescape(*place, files["db"])
    assert result.err.startswith("agescape: a detail\n")
    assert "a detail" not in agescape("info", files["db"]).err
    assert logging.getLogger("landscape").level == logging.NOTSET  # as it was before


def fail(*_args, **_options):
    msg = "the sky is green"
    raise KeyError(msg)


def test_a_bug_is_not_called_bad_input(files, monkeypatch):
    monkeypatch.setattr(bridge.commands.info, "summarize_database", fail)
    result = agescape("info", files["db"])
    assert (result.code, result.out, result.err.count("\n")) == (BUG, "", 1)
    assert result.err.startswith("agescape: internal error: KeyError: 'the sky is green'; this is a bug")
    assert "to report it, send the command that you ran" in result.err
    assert "--version" in result.err
    shown = agescape("info", files["db"], "--debug")
    assert "Traceback" in shown.err
    assert "in fail" in shown.err


def test_debug_shows_the_traceback_of_bad_input(tmp_path):
    result = agescape("info", tmp_path / "none.db", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err
    assert result.err.splitlines()[-1] == f"agescape: there is no file {tmp_path / 'none.db'}"


def raised(how):
    try:
        how()
    except Exception as error:
        return error
    return None


def test_who_is_to_blame_is_who_raised():
    assert is_complaint(raised(lambda: parse_hidden("x")))
    assert is_complaint(raised(lambda: Path("/nowhere").read_text()))
    assert not is_complaint(raised(lambda: np.zeros(2) + np.zeros(3)))  # we should have checked
    assert not is_complaint(raised(lambda: {}["key"]))
    assert not is_complaint(raised(lambda: int("x")))


def test_sigterm_ends_like_ctrl_c(tmp_path):
    path = tmp_path / "f.db"
    result = stop_when(start("explore", *DEEP, "--output", path, "--jobs", 1), lambda: attempts(path) >= 16,
                       signal.SIGTERM)  # fmt: skip
    assert (result.code, result.out) == (130, "")
    assert result.err == "agescape: interrupted; run the same command again to continue\n"


@pytest.mark.parametrize("then", ["time.sleep(60)", "raise KeyboardInterrupt"])
def test_an_interruption_within_a_callback_of_c_is_not_lost(then):
    """Python drops what such a callback raises; LLVM's are called while functions are compiled.

    It is not repeated where another one has ended the command, which may take a while to put its workers away.
    """
    program = f"""if True:
        import atexit, ctypes, os, signal, time
        from bridge import cli

        def work(**_):
            ctypes.CFUNCTYPE(None)(lambda: os.kill(os.getpid(), signal.SIGTERM))()
            {then}

        atexit.register(time.sleep, 0.3)
        cli.app = work
        cli.main()
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 130
    assert done.stderr == "agescape: interrupted; run the same command again to continue\n"


# ---------------------------------------------------------------- compilation


def test_the_first_compilation_is_announced_once(tmp_path, monkeypatch, caplog):
    marker = tmp_path / "marker"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # empty: nothing is found compiled

    def double(x):
        return 2 * x

    double.__module__ = "landscape.losses"
    for name in ("first", "second"):
        monkeypatch.setenv(ANNOUNCE, str(marker))
        kept = njit(cache=True)(double)
        assert kept(1) == 2, name
        assert njit(double)(1) == 2  # not kept: takes little time
    assert [record.message for record in caplog.records if "compiling" in record.message] == [
        "compiling functions that this machine has not compiled yet, which takes up to a minute"
    ]


# ---------------------------------------------------------------- progress


def test_progress_is_legible_at_60_columns(monkeypatch):
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr(_progress, "Console", lambda **_: console)
    monkeypatch.setattr(_progress, "SECONDS_TO_KNOW", -1.0)
    note = "1,234 minima of at least 2,000 (95 %), Chao1 2,345, 123 transition states, 3 components"
    with _progress.progress_bar() as bar:
        bar("explore", 0, 320, note)
        time.sleep(0.01)
        bar("explore", 64, 320, note)
    lines = terminal.getvalue().replace("\r", "\n").splitlines()
    shown = [line for line in lines if "64 of 320" in line]
    assert shown
    assert all(len(line.split("\x1b[2K")[-1]) <= 60 for line in shown)
    assert "explore: 1,234 minima" in shown[-1]
    assert "s left" in shown[-1]


def test_long_work_says_first_how_long_it_will_take(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: clock[0])
    err = io.StringIO()
    with redirect_stderr(err), _progress.progress_bar() as bar:
        for done in range(11):
            bar("train", done, 100)
            clock[0] += 10.0
    lines = err.getvalue().splitlines()
    assert lines[0] == "agescape: train: 1 of 100, 16 min left"
    assert len(lines) == 3  # then every half minute


def test_the_command_runs_in_a_process_of_its_own():
    done = subprocess.run([sys.executable, "-c", MAIN], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "explore" in done.stdout


def every_command():
    """Names as one types them, and what they run."""
    for name in COMMANDS:
        group = GROUP.load(name)
        yield from ((f"{name} {child}".strip(), one) for child, one in getattr(group, "commands", {"": group}).items())


@pytest.mark.parametrize("name", dict(every_command()))
def test_at_80_columns_the_help_cuts_and_divides_nothing(name, monkeypatch):
    """Options, values that are typed and defaults: each is a word of the help, as it stands in the code."""
    monkeypatch.setenv("COLUMNS", "80")
    text = good(*name.split(), "--help").out
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    flowing = " ".join(text.split())
    for parameter in dict(every_command())[name].params:
        said = row(parameter)
        for piece in (said.names, said.text, said.default and f"[{'' if parameter.required else 'default: '}"):
            assert " ".join(piece.split()) in flowing, parameter.name
        assert said.default in flowing
        for word in re.findall(r"\S+", f"{parameter.help or ''} {said.names}"):
            assert re.search(rf"(?<!\S){re.escape(word)}(?!\S)", text), word  # on one line


def test_the_page_of_commands_is_what_the_code_says():
    """Mend with `python docs/command_reference.py`."""
    spec = importlib.util.spec_from_file_location("command_reference", ROOT / "docs" / "command_reference.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    text = (ROOT / "docs" / "commands.md").read_text()
    assert text == made.page()
    for name, command in every_command():
        part = re.split(r"\n###+ ", text[text.index(f"# agescape {name}\n") + 1 :])[0]
        for names, _, default, _ in (row(one) for one in command.params if one.name not in EVERYWHERE):
            assert f"| `{names}" in part
            assert f"| {made.plain(default)} |" in part
    assert "| `--searches INT` | 128, for a first look" in text
    assert "| `--learning-rate FLOAT` | 0.05 for sgd and nesterov, 0.001 for others |" in text
    assert "| `TRAJECTORIES` | required |" in text
    assert r"t\*(tw)" in text


def test_a_chain_of_causes_that_leads_back_to_itself_ends():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert not was_interrupted(first)
    second.__cause__ = KeyboardInterrupt()
    assert was_interrupted(first)


OPTIONS = {"target": "--target", "rows": "--rows", "batch_size": "--batch-size", "data_dir": "--data-dir"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("batch_size must be at most 60; got 100", "--batch-size must be at most 60; got 100"),
        ("rows must be at most the 4 rows of the file", "--rows must be at most the 4 rows of the file"),
        ("w.csv: target must name a column; got 7", "w.csv: --target must name a column; got 7"),
        ("w.csv: rows must be at most 4", "w.csv: --rows must be at most 4"),
        (
            "w.csv: there are rows; choose another by target='NAME' (--target NAME) if",
            "w.csv: there are rows; choose another by --target NAME if",
        ),
        ("train keeps them with snapshots='all' (--snapshots all), not", "train keeps them with --snapshots all, not"),
        ("choose a smaller batch_size (--batch-size)", "choose a smaller --batch-size"),
        ("train with lags=alignment_lags(...) (--lags 1,2,3)", "train with --lags 1,2,3"),
        ("train on more data sets (--dataset-seeds)", None),
        ("there is no minimum; use rows > 0", "there is no minimum; use --rows > 0"),
        ("no file at data_dir/batch_size.csv", None),  # a path
        ("columns must be rows", None),
        ("make it with load(data_dir=None)", None),  # code
    ],
)
def test_complaints_name_options(said, told):
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        exec("raise ValueError(said)", {"__name__": "landscape.somewhere", "said": said})  # noqa: S102 (as a package)
    with options_of_command(OPTIONS):
        found = in_options(raised.value)
    assert str(found) == (told or said)
    assert is_complaint(found)


def test_warnings_and_summaries_name_options(caplog, capsys):
    """A status or a warning is the same text in Python and here, but for the name of the option."""
    log = logging.getLogger("dynamics.training")
    with notes_on_stderr(), options_of_command(OPTIONS):
        log.warning("choose a smaller batch_size (--batch-size)")
        show(
            {},
            Summary("Train with snapshots='all' (--snapshots all).", {"a": "batch_size"}, notes=["x: rows > 0"]),
            as_json=False,
        )
    out, err = capsys.readouterr()
    assert err == "agescape: choose a smaller --batch-size\n"
    assert out == "Train with --snapshots all.\n\na  --batch-size\n\nx: --rows > 0\n"


def test_a_bug_is_not_told_as_a_complaint_about_options():
    error = KeyError("batch_size")
    with options_of_command(OPTIONS):
        assert in_options(error) is error


def test_commands_complain_of_their_options(tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("x,label\n1,a\n2,a\n")
    result = agescape("explore", "--dataset", file, "--hidden", 2, "--searches", 1, "--output", tmp_path / "x.db")
    assert_complaint(result, "choose another column by --target NAME if")
    train_on = ("train", *SMALL, "--batch-size", 200, "--replicas", 1, "--steps", 10, "--output", tmp_path / "x.h5")
    assert_complaint(agescape(*train_on), "--batch-size must be at most the number of training rows, 100; got 200")


def test_nothing_is_announced_before_the_options_are_read(tmp_path):
    result = agescape("explore", "--hidden", "x", "--output", tmp_path / "x.db")
    assert_complaint(result, "--hidden must be layer sizes")


@pytest.mark.parametrize("arguments", [("--searches", "-3"), ("--searches=-3",)])
def test_a_number_out_of_range_is_said_as_everywhere(arguments):
    complaint = agescape("explore", *arguments)
    assert complaint.code == 2
    assert complaint.err.strip() == "agescape: --searches must be at least 0; got -3"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "--steps", "1.5"), "--steps must be a whole number; got '1.5'"),
        (("train", "--steps", "1e-5"), "--steps must be a whole number; got '1e-5'"),
        (("train", "--steps", "1e999999999"), "--steps must be a whole number; got '1e999999999'"),
        (("train", "--steps", "many"), "--steps must be a whole number; got 'many'"),
        (("train", "--replicas", "-1e2"), "--replicas must be at least 1; got -1e2"),
        (("train", "--learning-rate", "fast"), "--learning-rate must be a number; got 'fast'"),
        (("train", "--regularization", "-0.1"), "--regularization must be at least 0; got -0.1"),
        (("train", "--regularization", "nan"), "--regularization must be a number; got 'nan'"),
        (
            ("train", "--hidden", "3", "--output", "f.h5", "--steps", "1e30"),
            f"--steps must be a whole number in 2 ... {2**53}; got {10**30}",
        ),
        (("age", "f.h5", "--output", "f.gif"), "--output must end in one of .svg, .pdf, .png; got 'f.gif'"),
        (
            ("data", "ljat", "--rows", "5", "--test-rows", "0", "--output", "/f.txt"),
            "--output must end in .csv or .npz; got /f.txt",
        ),
        (
            ("explore", "--hidden", "3", "--searches", "0", "--output", "f.db", "--loss", "mean"),
            "--loss must be one of cross-entropy, squared-error, logistic; got 'mean'",
        ),
        (
            ("train", "--hidden", "3", "--output", "f.h5", "--start", "file:/no.npz"),
            "/no.npz: no such file or directory",
        ),
        (("verify", "/"), "/ is not a file: it is a folder"),
        (("compare", "/nowhere"), "there is no folder /nowhere"),
        (("reproduce", "--scale", "big"), "--scale must be one of quick, paper; got 'big'"),
        (("data", "ljat", "--rows", "all"), "--rows must be a whole number; got 'all'"),
        (
            ("schedule", "--steps", "100", "--lags", "1,1.5"),
            "--lags must be steps such as 1300 or 100,1300,1e4; got '1,1.5'",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_option(arguments, complaint):
    assert agescape(*arguments).err == f"agescape: {complaint}\n"


def test_whole_numbers_may_be_in_scientific_notation():
    schedule = ("schedule", "--waiting-times", "1e1,2.5e2", "--lags", "1,1e2", "--json")
    planned = [json.loads(agescape(*schedule, "--steps", steps).out) for steps in ("1e3", "1000")]
    assert planned[0] == planned[1]
    assert (planned[0]["waiting_times"], planned[0]["lags"]) == ([10, 250], [1, 100])
