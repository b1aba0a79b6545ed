"""What MkDocs fills in while it builds: the public names of a package, the bibliography, citations.

- ``<!-- public names of landscape.graph -->`` becomes a table of what ``landscape/graph/__init__.pyi`` exports, and the
  docstrings of all of it, so that no name is forgotten.
- ``<!-- bibliography -->`` becomes the entries of ``references.bib``.
- ``[@key]`` becomes a link to the entry with this key.
"""

import ast
import posixpath
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pybtex.backends.markdown import Backend
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style
from pybtex.style.template import Node, field, sentence

ROOT = Path(__file__).parents[1]
escaped = runpy.run_path(str(Path(__file__).with_name("docstrings.py")))["escaped"]
FOR_OTHER_ROOMS = {  # exported, because other rooms use them, but of no use to anybody else: no page describes them
    "dynamics.runs": {
        "check_grid",
        "check_metadata",
        "check_numbers",
        "check_shapes",
        "check_times",
        "mlp_parameters",
        "nan_moments",
        "sizes_of",
        "spaced",
        "undescribed",
    },
    "landscape.database": {"as_known", "check_perceptron", "checked_module"},
    "landscape.losses": {"declared_spec", "initialized", "of_module"},
    "landscape.plots": {"draw_panels", "legend_beside", "letter", "plain_log_ticks", "readable_ticks"},
}
# classes whose members are in several modules, as private bases
WITH_BASES = {"landscape.database.Database": "    options:\n      inherited_members: true\n"}
BIBLIOGRAPHY = "bibliography.md"


class TitlesAsTheyAre(Style):
    """BibTeX's plain style, which would also write most capitals of a title small."""

    def format_title(self, e: Entry, which_field: str, as_sentence: bool = True) -> Node:
        """The title alone, or with a full stop."""
        return sentence[field(which_field)] if as_sentence else field(which_field)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill in one page."""
    here = page.file.src_uri
    markdown = re.sub(r"<!-- public names of ([\w.]+) -->", lambda match: public_names(match[1]), markdown)
    markdown = markdown.replace("<!-- bibliography -->", "\n".join(bibliography()))
    return re.sub(r"\[@([\w:-]+)\]", lambda match: citation(match[1], here), markdown)


def public_names(room: str) -> str:
    """A table of what a room exports, a line each, then directives for mkdocstrings; of a package its rooms as well."""
    folder = ROOT.joinpath(*room.split("."))
    lines = [escaped(ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""), ""]
    if "." not in room:
        lines += ["| room | what lives there |", "|---|---|", *map(room_row, rooms(folder)), ""]
    names = {name: module for name, module in exports(room).items() if name not in FOR_OTHER_ROOMS.get(room, ())}
    lines += [
        "| name | what it is |",
        "|---|---|",
        *(name_row(room, name, module) for name, module in names.items()),
        "",
    ]
    own = {name: module for name, module in names.items() if page_of(room, module) == room}
    return "\n".join(lines + [f"::: {room}.{name}\n{WITH_BASES.get(f'{room}.{name}', '')}" for name in own])


def page_of(room: str, module: str) -> str:
    """The room on whose page a name of `room` is described: where it is defined, if that has a page."""
    own = module.rpartition(".")[0]
    return own if own.count(".") == 1 and (ROOT / "docs" / "api" / f"{own.replace('.', '/')}.md").exists() else room


def rooms(folder: Path) -> list[Path]:
    """Sub-packages of a package that have a page of their own."""
    return sorted(f for f in folder.iterdir() if (ROOT / "docs" / "api" / folder.name / f"{f.name}.md").exists())


def room_row(folder: Path) -> str:
    """A line of the table of rooms."""
    about = escaped(ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "").partition("\n")[0]
    return f"| [`{folder.parent.name}.{folder.name}`]({folder.parent.name}/{folder.name}.md) | {about} |"


def name_row(room: str, name: str, module: str) -> str:
    """A line of the table of names."""
    found = definition(module, name)
    about = escaped((found and ast.get_docstring(found)) or "")
    return f"| [`{name}`][{page_of(room, module)}.{name}] | {about.partition(chr(10))[0].replace('|', chr(92) + '|')} |"


def exports(room: str) -> dict[str, str]:
    """The public functions and classes of a room, and the modules that define them."""
    stub = ROOT.joinpath(*room.split("."), "__init__.pyi")
    found: dict[str, str] = {}
    for node in ast.parse(stub.read_text()).body:
        for alias in node.names if isinstance(node, ast.ImportFrom) and node.module else ():
            module = f"{room}.{node.module}"  # pyright: ignore[reportAttributeAccessIssue]
            if (module_path(module).parent / "__init__.pyi") == module_path(module).with_suffix(".pyi"):
                module = exports(module)[alias.name]
            if definition(module, alias.name):
                found[alias.name] = module
    return found


def definition(module: str, name: str) -> ast.FunctionDef | ast.ClassDef | None:
    """Where a module defines a function or class."""
    body = ast.parse(module_path(module).read_text()).body
    return next((n for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name), None)


def module_path(module: str) -> Path:
    """The file of a module or package of ours."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def bibliography() -> Iterator[str]:
    """One paragraph for each entry, with an anchor for its key."""
    for entry in TitlesAsTheyAre().format_bibliography(references()):
        text = re.sub(r"\s+", " ", entry.text.render(Backend()))
        yield f'<a id="{entry.key}"></a>{text}\n'


def citation(key: str, page: str) -> str:
    """A link in parentheses such as (Chao 1987); a KeyError for a key that is not in the bibliography."""
    entry = references().entries[key]
    names = [
        Text.from_latex(" ".join(p.prelast_names + p.last_names)).render_as("text") for p in entry.persons["author"]
    ]
    who = names[0] + {1: "", 2: f" and {names[-1]}"}.get(len(names), " et al.")
    target = posixpath.relpath(BIBLIOGRAPHY, posixpath.dirname(page) or ".")
    return f"([{who} {entry.fields['year']}]({target}#{key}))"


@cache
def references() -> BibliographyData:
    """The entries of references.bib."""
    return parse_file(ROOT / "docs" / "references.bib", "bibtex")
