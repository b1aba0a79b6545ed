"""The definition of a figure of the paper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from matplotlib.figure import Figure

from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._statements import Statement
from bridge.figures._work import Work
from bridge.plots import panel_name

SCALES: tuple[ScaleName, ...] = get_args(ScaleName)
PanelNames = Callable[[tuple[Ensemble, ...]], tuple[str, ...]]


def panels_called(*names: str) -> PanelNames:
    """Names of panels that do not depend on the ensembles."""
    return lambda ensembles: names


def panels_of_ensembles(*names: str, label: Callable[[Ensemble], str] = lambda one: one.label) -> PanelNames:
    """One panel for each label of the ensembles, then those that are named."""
    return lambda ensembles: (*dict.fromkeys(panel_name(label(one)) for one in ensembles), *names)


@dataclass(frozen=True)
class PaperFigure:
    """One figure: its runs, its numbers, its layout.

    Parameters
    ----------
    name : str
        Its name on the command line.
    title : str
        Its content.
    statements : tuple of Statement
        What the paper says about it, with the numbers, or what is tested beyond the paper.
    ensembles : callable (scale) -> tuple of Ensemble
        Its runs, if any.
    compute : callable (work, ensembles) -> result
        From these runs to a frozen dataclass of arrays.
    describe : callable (result) -> dict
        The numbers of the result, for the JSON.
    draw : callable (result, panels=(), size="screen") -> Figure
        The paper's layout: all panels, or those that are named, at a size of `landscape.plots.draw_panels`.
    panels : callable (ensembles) -> tuple of str
        Names of the panels that it may have, known before any work.
    extra_seconds : callable (scale) -> float
        Core seconds of `compute` besides the runs, on the machine of `Ensemble.step_microseconds`.
    ensemble_seconds : callable (ensemble) -> float
        What an ensemble adds to that.
    said : str
        Who says what the statements say, the head of their table.
    """

    name: str
    title: str
    statements: tuple[Statement, ...]
    ensembles: Callable[[ScaleName], tuple[Ensemble, ...]]
    compute: Callable[[Work, tuple[Ensemble, ...]], Any]
    describe: Callable[[Any], dict[str, Any]]
    draw: Callable[..., Figure]
    panels: PanelNames
    extra_seconds: Callable[[ScaleName], float] = lambda scale: 5.0
    ensemble_seconds: Callable[[Ensemble], float] = lambda ensemble: 0.0
    said: str = "the paper says"

    @property
    def published(self) -> Mapping[str, Any]:
        """Numbers in the paper, under the names of ours."""
        return {one.name: one.value for one in self.statements if one.value is not None}
