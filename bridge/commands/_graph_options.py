"""Options of `graph`: which minima are shown, and what is drawn at them."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._graph_minima import Landscape, positions_of
from bridge.plots import MOST_LABELS
from landscape.database import PROPERTIES
from landscape.graph import LandscapeGraph

SHOWN = "Minima shown"  # panel of the help


@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """The options that choose minima."""

    whole: Annotated[
        bool, typer.Option(help="Also show minima above all transition states.", rich_help_panel=SHOWN)
    ] = False
    connected: Annotated[
        bool, typer.Option(help="Show only minima connected to the global minimum.", rich_help_panel=SHOWN)
    ] = False
    max_minima: Annotated[
        int | None, typer.Option(min=1, help="Show at most this many of the lowest minima.", rich_help_panel=SHOWN)
    ] = None
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="IDS|PATH",
            help="Show only these minima, labeled, e.g. 3,7,12 or a file; paths through the others still connect them.",
            rich_help_panel=SHOWN,
        ),
    ] = None
    min_connections: Annotated[
        int,
        typer.Option(
            min=0, help="Leave out minima with fewer transition states to other minima.", rich_help_panel=SHOWN
        ),
    ] = 0
    emin: Annotated[float | None, typer.Option(help="Lowest loss to show (nats).", rich_help_panel=SHOWN)] = None
    emax: Annotated[float | None, typer.Option(help="Highest loss to show (nats).", rich_help_panel=SHOWN)] = None

    def chosen(self, opened: Landscape) -> dict[str, Any]:
        """What `visible_tree` is told."""
        return {
            "whole": self.whole,
            "connected": self.connected,
            "max_minima": self.max_minima,
            "pick": positions_of(opened, self.pick, "pick"),
            "min_connections": self.min_connections,
            "emin": -np.inf if self.emin is None else self.emin,
            "emax": self.emax,
        }


@dataclass(frozen=True, kw_only=True)
class MarkOptions:
    """The options that color and label minima."""

    color: Annotated[str | None, typer.Option(help=f"Color minima by {', '.join(PROPERTIES)}.")] = None
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN|PATH",
            help="Color branches whose minima are all of one group: a column as for --color, component, or a file with "
            "an id and a group on each line.",
        ),
    ] = None
    label: Annotated[
        str | None, typer.Option(help="Write this property below the 40 lowest minima; the same choices as --color.")
    ] = None
    identify: Annotated[
        str | None,
        typer.Option(metavar="IDS|PATH", help="Label these minima, e.g. 3,7,12, or a file with an id on each line."),
    ] = None

    def named(self, opened: Landscape, picked: list[int] | None) -> list[int]:
        """Positions of the minima whose ids are written: those of --identify, and a few that are picked."""
        named = positions_of(opened, self.identify, "identify") or []
        if picked is not None and self.label is None and len(picked) <= MOST_LABELS:
            return [*picked, *named]
        return named

    def marked(self, landscape: LandscapeGraph, named: list[int]) -> NDArray[np.integer] | list[int]:
        """Positions of the minima at which something is written: these, or the lowest ones with a --label."""
        lowest = np.argsort(landscape.losses, kind="stable")
        return named or lowest[: 0 if self.label is None else MOST_LABELS]
