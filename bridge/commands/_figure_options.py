"""Options of the commands that write figures, and what they make of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from landscape.plots import check_figure_path, check_panels

FIGURE = "Figure"  # panel of a command's help
Size = Literal["screen", "page", "column"]
Picture = Annotated[Path, typer.Option(help="Figure to write: svg, pdf or png.")]
OptionalPicture = Annotated[Path | None, typer.Option(help="Figure to write: svg, pdf or png.")]
FigureSize = Annotated[
    Size,
    typer.Option(
        "--size",
        help="Width of the figure: for a screen, a journal page (7 inches) or a journal column (3.4 inches).",
        rich_help_panel=FIGURE,
    ),
]
CertifiedOnly = Annotated[
    bool, typer.Option("--certified-only", help="Leave out upper bounds on barriers, which are drawn dashed.")
]


def panel_option(names: str, where: str = "the figure") -> Any:
    """Make the option --panel of a command; `names` says which panels there are."""
    text = f"Draw only these panels of {where}, in this order, separated by commas: {names}."
    return typer.Option("--panel", help=text, rich_help_panel=FIGURE)


def chosen_panels(panel: str | None, names: Iterable[str]) -> list[str]:
    """What --panel names; ValueError if one is none of `names`."""
    chosen = [] if panel is None else [name.strip() for name in panel.split(",")]
    check_panels(chosen, names)
    return chosen


def check_figure(output: Path | None, panel: str | None = None, size: Size = "screen", option: str = "output") -> None:
    """Raise a ValueError for a figure that cannot be written, or for --panel or --size without a figure."""
    if output is not None:
        check_figure_path(output, f"--{option}")
    given = {"--panel": panel is not None, "--size": size != "screen"}
    if output is None and any(given.values()):
        msg = f"{' and '.join(name for name in given if given[name])} need --{option}, the figure to write"
        raise ValueError(msg)
