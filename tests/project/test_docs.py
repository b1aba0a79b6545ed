"""The documentation: it builds without a warning, and what it shows to type runs.

A comment on the line above a code block says what is to be done with it: ``<!-- slow -->`` leaves it to the
slow tests, ``<!-- needs: module -->`` runs it where this module is (or ``<!-- slow, needs: one, other -->``),
``<!-- needs files: lj38 -->`` where these public files are (`support.public`), ``<!-- file: name.py -->`` writes
it into this file, ``<!-- not run: reason -->`` leaves it out. A text below ``<!-- printed -->``
(``<!-- printed, slow -->`` if a slow block prints it) is what the blocks above it print, but for
the numbers; ``docs/printed.py`` fills these in.
"""

import ast
import functools
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import joblib
import pytest
from support.paths import ROOT
from support.public import PUBLIC
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

from bridge import cli
from dynamics.noises import NOISES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {"text", "bash"}  # languages of what is to be read, or written into a batch job's script
# how a block may begin that no test runs
NOT_RUN = ("make study ", "pip install ", "import subprocess\n\ncluster.scale(")
PRINTED = {"README.md": r"\d+ minima, \d+ of them visited\nmu = -?\d\.\d\d, 95 % in \[-?\d\.\d\d, -?\d\.\d\d\]\n"}


def run_agescape(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, in this process: it starts once."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["agescape", *arguments])
        patch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as stopped:
            cli.run()
    assert not stopped.value.code, shlex.join(arguments)


def run_shell(line: str) -> None:
    """Any other command, with the Python and the packages of this process."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    packages = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env=os.environ | {"PATH": path, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    sys.stdout.write(done.stdout)


def run_console(example: Example) -> None:
    """Run the lines of a console block, one after the other."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["agescape"]:
            run_agescape(words[1:], example.namespace["monkeypatch"])
        elif words:
            run_shell(line)


def run_python(example: Example) -> None:
    """Execute a block of Python, or write it into the file that its mark names."""
    if mark(example).startswith("file: "):
        Path(mark(example).removeprefix("file: ")).write_text(example.parsed)
    else:
        PythonEvaluator()(example)


def parse(page: Path) -> Document:
    parsers = CodeBlockParser("python", run_python), CodeBlockParser("console", run_console)
    return Document.parse(str(page), *parsers)


def mark(example: Example) -> str:
    """The comment above a block, or nothing."""
    above = example.document.text[: example.region.start].rstrip("\n").rpartition("\n")[2]
    found = re.fullmatch(r"\s*<!-- (.*) -->", above)
    return found[1] if found else ""


def is_slow(example: Example) -> bool:
    return mark(example).startswith("slow")


def public_files(example: Example) -> list[str]:
    """Folders of public files that a block needs."""
    names = mark(example).partition("needs files: ")[2]
    return names.split(", ") if names else []


def is_run(example: Example) -> bool:
    if not all((PUBLIC / name).is_dir() for name in public_files(example)):
        return False
    needed = mark(example).partition("needs: ")[2].split(", ")
    there = all(importlib.util.find_spec(module) for module in needed if module)
    return there and not mark(example).startswith("not run")


def with_blocks(*, slow: bool) -> list[Path]:
    """Pages with something to run in the fast tests, or in the slow ones."""
    return [page for page in PAGES if any(is_run(block) and is_slow(block) == slow for block in parse(page))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to run a page in, with the examples in it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with mock.patch.dict(NOISES):  # what a page adds to it is gone after it
        yield tmp_path


def run(page: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool) -> None:
    """Run the blocks of a page in order, with threads for workers: they start at once and change no result."""
    document = parse(page)
    document.namespace["monkeypatch"] = monkeypatch
    for block in document:
        if is_run(block) and (slow or not is_slow(block)):
            for name in public_files(block):  # copies, never links: a block may write to a folder of the same name
                shutil.copytree(PUBLIC / name, name, copy_function=shutil.copyfile, dirs_exist_ok=True)
                Path(name).chmod(0o755)
            with joblib.parallel_config(backend="threading"):
                block.evaluate()


@pytest.mark.parametrize("page", with_blocks(slow=False), ids=name_of)
def test_what_a_page_shows_runs(page, folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    run(page, monkeypatch, slow=False)
    out = capsys.readouterr().out
    assert re.search(PRINTED.get(name_of(page), ""), out)
    for line in printed_lines(page):
        assert re.search(script("printed").loosely(line), out), line


def test_numbers_of_printed_lines_are_filled_in():
    filled = script("printed").filled
    assert filled("mu = 0.5 (p = 0.0007)\n", "x\nmu = 0.71 (p = 5e-05)\n") == "mu = 0.71 (p = 5e-05)\n"
    assert filled("a 1\nb 2 c\n\nd 3\n", "a 5 b\n7 c\n\nd 4\nd 1,000.5") == "a 5 b\n7 c\n\nd 1,000.5\n"
    with pytest.raises(ValueError, match="nothing like this was printed: e 3"):
        filled("a 1\ne 3", "a 1\nf 3")


def printed_lines(page: Path, *, slow: bool = False) -> list[str]:
    """What a page says that its blocks print: texts below `<!-- printed -->`, and `<!-- printed, slow -->`."""
    mark = "printed(?:, slow)?" if slow else "printed"
    blocks = re.findall(rf"<!-- {mark} -->\n```text\n(.*?)```", page.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks(slow=True), ids=name_of)
def test_all_that_a_page_shows_runs(page, folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    run(page, monkeypatch, slow=True)
    out = capsys.readouterr().out
    for line in printed_lines(page, slow=True):
        assert re.search(script("printed").loosely(line), out), line


def test_every_block_is_run_or_says_why_not():
    left_out = []
    for page in PAGES:
        runnable = {block.region.start for block in parse(page)}
        for region in FencedCodeBlockLexer(".+")(Document(page.read_text(), str(page))):
            assert region.start in runnable or region.lexemes["language"] in SHOWN, (page, region.lexemes["language"])
        assert len(runnable) + text_blocks(page) == fences(page), page
        left_out += [block for block in parse(page) if mark(block).startswith("not run")]
    for block in left_out:
        assert re.fullmatch(r"not run: .+", mark(block))
        assert block.parsed.startswith(NOT_RUN), block.parsed


def text_blocks(page: Path) -> int:
    return len(re.findall(rf"^ *```({'|'.join(SHOWN)})$", page.read_text(), re.MULTILINE))


def fences(page: Path) -> int:
    return len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) // 2


def test_every_picture_exists():
    for page in PAGES:
        for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", page.read_text()):
            assert (page.parent / picture).is_file(), (page, picture)


def test_the_map_of_rooms_is_what_the_rooms_say():
    """A line for each folder of a package in CONTRIBUTING, with the first line of its docstring."""
    listed = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    files = [path for package in ("landscape", "dynamics", "bridge") for path in ROOT.glob(f"{package}/*/__init__.py")]
    said = {f"{path.parts[-3]}.{path.parts[-2]}": ast.get_docstring(ast.parse(path.read_text())) for path in files}
    assert dict(listed) == {room: (text or "").partition("\n")[0] for room, text in said.items()}


# ---------------------------------------------------------------- the site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with warnings as errors."""
    pytest.importorskip("mkdocs", reason="the documentation needs '.[docs]'")
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.slow
def test_the_site_builds_without_a_warning(site):
    assert (site / "index.html").is_file()


def text_of(page):
    """The article of a page without its code, where nothing is emphasized."""
    article = re.search(r"<article.*?</article>", page.read_text(), re.DOTALL)
    return re.sub(r"<(pre|code)\b.*?</\1>", "", article[0], flags=re.DOTALL) if article else ""


@pytest.mark.slow
def test_no_page_has_an_emphasis_quotation_or_tag_that_nobody_meant(site):
    """What the pages that people write emphasize is meant; elsewhere t* or "> 0" must not be read as Markdown."""
    known = {"a", "article", "br", "code", "details", "div", "em", "h1", "h2", "h3", "h4", "hr", "img", "li", "ol", "p"}
    known |= {"pre", "small", "span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"}
    meant = {"required", "control", "sum"}
    for page in site.rglob("*.html"):
        text = text_of(page)
        written = ROOT / "docs" / page.relative_to(site).with_suffix(".md")
        quotes = {"blockquote"} if written.exists() and re.search("^> The paper", written.read_text(), re.M) else set()
        assert set(re.findall(r"<([A-Za-z]\w*)", text)) <= known | quotes, page  # no <d> of a formula
        assert not re.search(r"\\[*_>|]", text), page
        emphasized = [" ".join(words.split()) for words in re.findall(r"<em>(.*?)</em>", text, re.DOTALL)]
        if page.is_relative_to(site / "api") or page.name == "commands.html":
            assert set(emphasized) <= meant, page
        assert [words for words in emphasized if not re.match(r"\w.*\w$", words)] == [], page


def documented():
    """The functions and classes of the packages, with the module of each and its docstring."""
    for package in ("landscape", "dynamics", "bridge"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                    yield path, node, text


def defaults(node):
    """The defaults of a function's arguments or of a dataclass's fields, as source."""
    if isinstance(node, ast.ClassDef):
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        return {ast.unparse(field.target): field.value and ast.unparse(field.value) for field in fields}
    names = node.args.posonlyargs + node.args.args
    given = dict(zip([one.arg for one in names[::-1]], node.args.defaults[::-1], strict=False))
    given |= dict(zip([one.arg for one in node.args.kwonlyargs], node.args.kw_defaults, strict=True))
    return {name: value and ast.unparse(value) for name, value in given.items()}


def test_arguments_that_are_described_together_have_one_type_and_one_default():
    """`a, b : int` shows its text and the default of `a` at both."""
    for path, node, text in documented():
        for names, kind in re.findall(r"^(\w+(?:, \w+)+) : (.*)$", text, re.MULTILINE):
            given = defaults(node)
            assert len({given.get(name) for name in names.split(", ")}) == 1, (path, node.name, names)
            assert ")," not in kind, (path, node.name, names)


@pytest.mark.slow
def test_the_site_needs_no_network_to_be_read(site):
    """Links to follow may lead elsewhere; scripts, styles, fonts and pictures may not."""
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?([^\"\s>]+)", text)
        loaded += re.findall(r"<link[^>]*\shref=\"?([^\"\s>]+)", text)
        assert [address for address in loaded if "//" in address] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:", style.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("package", ["landscape", "dynamics", "bridge"])
def test_every_room_has_its_page(site, package):
    module = importlib.import_module(package)
    rooms = [
        name
        for name in dir(module)
        if inspect.ismodule(getattr(module, name)) and hasattr(getattr(module, name), "__path__")
    ]
    assert len(rooms) > 5
    text = (site / "api" / f"{package}.html").read_text()
    for room in rooms:
        described(getattr(module, room), (site / "api" / package / f"{room}.html").read_text())
        assert f"{package}.{room}</code>" in text, room
    assert [name for name in public(module) if f"<code>{name}</code>" not in text] == []


def public(module):
    named = {name: getattr(module, name) for name in dir(module) if name[0] != "_"}
    for name in script("hooks").FOR_OTHER_ROOMS.get(module.__name__, ()):
        del named[name]  # a KeyError if it is not exported any more
    return [name for name, value in named.items() if inspect.isfunction(value) or is_written_as_class(value)]


@functools.cache
def script(name):
    """A module in docs."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_written_as_class(value):
    """Not an enum that is made of a registry's names."""
    try:
        return inspect.isclass(value) and bool(inspect.getsource(value))
    except (OSError, TypeError):
        return False


def described(room, text):
    assert [n for n in public(room) if not re.search(rf'id="?{room.__name__}\.{n}[">\s]', text)] == [], room
    assert [n for n in public(room) if f"<code>{n}</code>" not in text] == [], room  # in the table


@pytest.mark.slow
def test_the_bibliography_is_the_file(site):
    keys = re.findall(r"^@\w+\{([^,]+),", (ROOT / "docs" / "references.bib").read_text(), re.MULTILINE)
    text = (site / "bibliography.html").read_text()
    assert re.findall(r'<a id="?([\w:-]+)"?>', text) == sorted(
        keys, key=re.findall(r'<a id="?([\w:-]+)"?>', text).index
    )
    assert len(keys) > 20
    page = (site / "concepts" / "disconnectivity.html").read_text()
    assert '(<a href="../bibliography.html#becker1997">Becker and Karplus 1997</a>)' in page
    years = re.findall(r"^  year = \{(\d+)\}", (ROOT / "docs" / "references.bib").read_text(), re.MULTILINE)
    assert sorted(years) == sorted(re.findall(r"\b(\d{4})\b(?!.*\b\d{4}\.)", "\n".join(years)))
