"""The torch module that options name: the only way in which a command imports anything of a person's own."""

from dataclasses import dataclass
from typing import Annotated

import typer

from bridge.commands._notes import note
from landscape.losses import LoadedModule, ModuleSource, load_module

PANEL = "Torch module"
MODULE_HELP = (
    "Torch module of your own: FILE.py:NAME or 'FILE.py:NAME(hidden=8)', a class or function and its arguments, which "
    "are literals. The file is executed; what a database or file of runs says of a module never is."
)


@dataclass(frozen=True, kw_only=True)
class ModuleOptions:
    """The options that name a torch module."""

    module: Annotated[str | None, typer.Option(help=MODULE_HELP, rich_help_panel=PANEL)] = None
    module_arguments: Annotated[
        str | None, typer.Option(help="More arguments of the module, e.g. hidden=8,depth=2.", rich_help_panel=PANEL)
    ] = None

    def loaded(self) -> LoadedModule | None:
        """The module; None if none is named."""
        if self.module is None:
            if self.module_arguments is not None:
                msg = "--module-arguments needs --module FILE.py:NAME"
                raise ValueError(msg)
            return None
        return load_module(self.module, self.module_arguments or "")


def introduce_symmetries(source: ModuleSource | None) -> None:
    """Say on stderr that images of a point count as distinct, if a module declares no symmetries."""
    if source is None or source.spec is None:
        note("the module declares no symmetries: images of a point by permuted units count as distinct (axes_to_perm)")


def describe_module(source: ModuleSource | None) -> dict[str, object]:
    """What the JSON says of a module and of the symmetries that it declares."""
    if source is None:
        return {}
    spec = source.spec
    groups, flips = (None, []) if spec is None else (dict(spec.sizes), list(spec.sign_flips))
    return {"module": source.option, "symmetries": groups, "sign_flips": flips}


def symmetries_in_words(described: dict[str, object]) -> dict[str, str]:
    """The module of a result, and what is known of its symmetries, as facts."""
    if "module" not in described:
        return {}
    groups = described["symmetries"]
    words = "none declared, images count as distinct"
    if isinstance(groups, dict):
        words = "permutations of " + ", ".join(f"{n} units of {name}" for name, n in groups.items())
        flips = described["sign_flips"]
        words += f"; signs of {', '.join(flips)}" if isinstance(flips, list) and flips else ""
    return {"module": str(described["module"]), "symmetries": words}
