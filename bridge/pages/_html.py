"""Text of pages that work offline: scripts that a content security policy names by their digests, and data.

External text (names and paths of data sets) is escaped.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from plotly.offline import get_plotlyjs

from bridge.pages._panels import Panel
from landscape.support import to_json

ASSETS = files("bridge.pages") / "assets"


def page_html(template: Template, panels: Sequence[Panel], ages: Sequence[dict[str, Any]], **parts: str) -> str:
    """A page from its template, with the data of the panels and all scripts in it.

    Parameters
    ----------
    template : Template
        HTML with $policy, $style, $data, $plotly, $graph, $script, and the names of `parts`.
    panels : sequence of Panel
        Figures that `figure_html` has put into the page.
    ages : sequence of dict
        What the slider says at each age: "text", and a list of "details". Without ages there is no slider.
    **parts : str
        HTML for the rest of the template.
    """
    scripts = {"plotly": get_plotlyjs(), "graph": asset("graph.js"), "script": asset("page.js")}
    drawn = [{"id": panel.name, **panel.figure.to_plotly_json(), "tree": panel.tree} for panel in panels]
    return template.substitute(
        scripts,
        policy=_policy(list(scripts.values())),
        style=asset("page.css"),
        data=script_json({"panels": drawn, "ages": list(ages)}),
        **parts,
    )


def figure_html(panel: Panel) -> str:
    """The place of a figure in a page, with its caption; that of a tree has controls."""
    caption = f"{panel.name}-caption"
    controls = "" if panel.tree is None else _controls(panel)
    return (
        f'<figure aria-labelledby="{caption}"><figcaption id="{caption}">{escape(panel.title)}</figcaption>{controls}'
        f'<div class="plot" id="{panel.name}" role="group" aria-label="{escape(panel.alt)}"></div></figure>'
    )


def slider_html(ages: Sequence[int]) -> str:
    """The slider over these ages, in steps, and the place of what it says."""
    ticks = "".join(f'<option value="{k}" label="{age:,}"></option>' for k, age in enumerate(ages))
    return Template(asset("slider.html")).substitute(last_age=len(ages) - 1, ticks=ticks)


def _controls(panel: Panel) -> str:
    """What the reader can ask of a tree: a minimum, colors, all branches."""
    assert panel.tree is not None
    name, columns = panel.name, panel.tree["columns"]
    options = "".join(f'<option value="{k}">{escape(column["label"])}</option>' for k, column in enumerate(columns))
    color = (
        f'<label>color by <select name="color"><option value="">nothing</option>{options}</select></label>'
        if columns
        else ""
    )
    return (
        f'<form class="tree-controls" id="{name}-controls" autocomplete="off">'
        '<label>minimum <input name="id" type="text" inputmode="numeric" size="7"></label>'
        f'<button type="submit">find</button>{color}'
        '<button type="button" name="expand" disabled>expand all</button>'
        '<button type="button" name="whole">whole graph</button>'
        f'<output id="{name}-said" aria-live="polite"></output></form>'
    )


def asset(name: str) -> str:
    """A text file of this room."""
    return (ASSETS / name).read_text(encoding="utf-8")


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element: no "<" in it can end the element or begin a comment."""
    text = to_json(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: these scripts and nothing else."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    # Plotly adds its own style rules, and creates pictures for its download button
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
