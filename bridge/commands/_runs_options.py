"""What runs descend, for those that do not say it: recorded and imported ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import LOSS
from dynamics.runs import Trajectories, loss_of_runs, undescribed
from dynamics.snapshots import with_loss
from landscape.database import Database, loss_of
from landscape.losses import DataLoss

UNSAID = "for recorded or imported runs that do not say it."


@dataclass(frozen=True, kw_only=True)
class StepOptions(ModuleOptions):
    """The settings of the steps of runs that do not say them."""

    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help=f"Learning rate of the runs, {UNSAID}", rich_help_panel=LOSS)
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, help=f"Minibatch size of the runs, {UNSAID}", rich_help_panel=LOSS)
    ] = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are given."""
        both = {"learning_rate": self.learning_rate, "batch_size": self.batch_size}
        return {name: value for name, value in both.items() if value is not None}

    def of(self, runs: Trajectories, database: Database | None, data_dir: Path | None) -> tuple[Trajectories, DataLoss]:
        """Runs that say what they descend, and the loss: that of the database, unless they say it themselves.

        Raises
        ------
        ValueError
            If neither says it, or the options contradict the runs.
        """
        module, missing = self.loaded(), undescribed(runs)
        if missing is None or database is None:
            loss = loss_of_runs(runs, module=module, data_dir=data_dir)
        else:
            loss = loss_of(database, module=module, data_dir=data_dir)
        return (with_loss(runs, loss, **self.given) if missing or self.given else runs), loss


@dataclass(frozen=True, kw_only=True)
class RunsOptions(StepOptions):
    """The same, and a database whose loss they descend."""

    loss_of: Annotated[
        Path | None,
        typer.Option(help=f"Database of minima of the loss that the runs descend, {UNSAID}", rich_help_panel=LOSS),
    ] = None

    def described(self, runs: Trajectories, data_dir: Path | None) -> tuple[Trajectories, DataLoss]:
        """Runs that say what they descend, and the loss."""
        if self.loss_of is None:
            return self.of(runs, None, data_dir)
        with Database(self.loss_of) as opened:
            return self.of(runs, opened, data_dir)
