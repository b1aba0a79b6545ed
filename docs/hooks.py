"""What MkDocs fills in while it builds: the public names of a package, the bibliography, citations.

- ``<!-- public names of landscape and landscape.plots -->`` becomes the docstrings of what ``landscape/__init__.py``
  exports, module by module, so that no name is forgotten, and of the further modules.
- ``<!-- section Commands of README.md -->`` becomes this section.
- ``<!-- bibliography -->`` becomes the entries of ``references.bib``.
- ``[@key]`` becomes a link to the entry with this key.
"""

import ast
import posixpath
import re
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
BIBLIOGRAPHY = "bibliography.md"


class TitlesAsTheyAre(Style):
    """BibTeX's plain style, which would also write most capitals of a title small."""

    def format_title(self, e: Entry, which_field: str, as_sentence: bool = True) -> Node:
        """The title alone, or with a full stop."""
        return sentence[field(which_field)] if as_sentence else field(which_field)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill in one page."""
    here = page.file.src_uri
    markdown = re.sub(r"<!-- public names of (\w+) and (.*) -->", lambda match: public_names(*match.groups()), markdown)
    markdown = re.sub(r"<!-- section (.*) of (.*) -->", lambda match: section(*match.groups()), markdown)
    markdown = markdown.replace("<!-- bibliography -->", "\n".join(bibliography()))
    return re.sub(r"\[@([\w:-]+)\]", lambda match: citation(match[1], here), markdown)


def section(title: str, file: str) -> str:
    """The text below a heading of a file of ours."""
    (text,) = re.findall(rf"^## {title}\n(.*?)^## ", (ROOT / file).read_text(), re.DOTALL | re.MULTILINE)
    return text


def public_names(package: str, further: str) -> str:
    """Headings, and directives for mkdocstrings, for all that a package exports and for further modules."""
    lines = []
    groups = exports(package) | {module: all_names(module) for module in further.split(", ")}
    for module, names in groups.items():
        description = ast.get_docstring(ast.parse(module_path(module).read_text())) or ""
        lines += [f"## {module}", "", description, "", *map(directive, names)]
    return "\n".join(lines)


def directive(name: str) -> str:
    """What makes mkdocstrings write of ``package.name``, also where a module of the package has the same name."""
    if not module_path(name).exists():
        return f"::: {name}\n"
    return f"::: {name}.{name.rpartition('.')[2]}\n    options:\n      heading: {name}\n      toc_label: {name}\n"


def exports(package: str) -> dict[str, list[str]]:
    """The names that ``package/__init__.py`` exports, by the module that they come from."""
    groups: dict[str, list[str]] = {}
    for node in ast.parse(module_path(package).read_text()).body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            inner = f"{node.module}.{alias.name}"
            if module_path(inner).is_file():
                groups[inner] = all_names(inner)
            elif alias.asname == alias.name and inner not in groups.get(str(node.module), []):
                groups.setdefault(str(node.module), []).append(f"{package}.{alias.name}")
    return groups


def all_names(module: str) -> list[str]:
    """Public functions and classes of a module: what it exports and what it defines."""
    exported = [name for group in exports(module).values() for name in group]
    body = ast.parse(module_path(module).read_text()).body
    named = (node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    return exported + [f"{module}.{name}" for name in named if not name.startswith("_")]


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
