"""A torch module from a file that a person names, and what files keep of it. Nothing is imported that nobody named."""

import ast
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from landscape.symmetry import PermutationSpec

if TYPE_CHECKING:
    import torch

FORM = "must be FILE.py:NAME or FILE.py:NAME(KEY=LITERAL, ...), such as net.py:Net(hidden=8)"


@dataclass(frozen=True)
class ModuleSource:
    """What files keep of a module: enough to tell whether another one is the same.

    Parameters
    ----------
    file : str
        Name of the file that defines it, without its folder, which may change; "" if unknown.
    name : str
        Class or function that makes it, with its arguments, such as "Net(hidden=8)".
    sha256 : str
        Digest of the file; "" if unknown, for modules that Python made.
    spec : PermutationSpec or None
        The symmetries that it declares.
    """

    file: str
    name: str
    sha256: str
    spec: PermutationSpec | None = None

    @classmethod
    def from_json(cls, described: Any) -> Self:
        """The source that `to_json` described; a ValueError says that it is none."""
        try:
            texts = {key: described[key] for key in ("file", "name", "sha256")}
            if not all(isinstance(text, str) for text in texts.values()):
                raise TypeError
            spec = described["symmetries"]
            return cls(**texts, spec=None if spec is None else PermutationSpec.from_json(spec))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"module must describe the source of a module; got {described!r:.200}"
            raise ValueError(msg) from error

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON holds them."""
        spec = None if self.spec is None else self.spec.to_json()
        return {"file": self.file, "name": self.name, "sha256": self.sha256, "symmetries": spec}

    @property
    def option(self) -> str:
        """What `--module` was."""
        return f"{self.file}:{self.name}" if self.file else self.name

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self | None:
        """The source that metadata of runs name (`settings`); None if they name none."""
        if "module_sha256" not in settings:
            return None
        return cls.from_json({key: settings.get(f"module_{key}") for key in ("file", "name", "sha256", "symmetries")})

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the module, by the names that the metadata of runs use."""
        return {f"module_{key}": value for key, value in self.to_json().items() if key != "file"}

    def difference(self, other: "ModuleSource") -> str | None:
        """How the text of another module differs from this one, in words; None if they are the same."""
        if self.name != other.name:
            return f"it is {self.name}, not {other.name}"
        if self.sha256 != other.sha256:
            return f"its source has the sha256 {self.sha256[:12]}..., {other.file} has {other.sha256[:12]}..."
        return None


class LoadedModule(NamedTuple):
    """A module and where it comes from; `TorchLoss` and `dynamics.ModuleLoss` take it for a module."""

    module: "torch.nn.Module"
    source: ModuleSource


def load_module(text: str, arguments: str = "") -> LoadedModule:
    """Make the torch module that a text such as "net.py:Net(hidden=8)" names.

    The file is executed (its folder is not searched for others), and the class or function is called with the
    arguments. These are literals (numbers, text, None, lists, ...): nothing in the text is evaluated. Random numbers in
    the making are those of a fixed seed.

    The module may declare its symmetries by two attributes. ``axes_to_perm`` maps names of parameters to a group of
    units, or None, for every axis, as in the permutation specs of Git Re-Basin, and ``sign_flips`` lists the groups
    whose activation is odd (`landscape.symmetry.PermutationSpec`). `TorchLoss` checks them.

    Parameters
    ----------
    text : str
        FILE.py:NAME or FILE.py:NAME(KEY=LITERAL, ...).
    arguments : str
        More of these literals: KEY=LITERAL, ...

    Raises
    ------
    ImportError
        If torch is not installed.
    FileNotFoundError
        If there is no such file.
    ValueError
        If the text has another form, or the file does not make a module.
    """
    try:
        import torch  # noqa: PLC0415 (optional: only modules need it)
    except ImportError as error:
        msg = "a torch module needs torch: pip install 'agescape[torch]'"
        raise ImportError(msg) from error
    path, name, given = _parsed(text, arguments)
    source = ModuleSource(path.name, _call(name, given), hashlib.sha256(path.read_bytes()).hexdigest())
    maker = _executed(path, source.sha256, name)
    positions = [value for key, value in given.items() if key.isdecimal()]
    try:
        with torch.random.fork_rng(devices=[]), redirect_stdout(sys.stderr):
            torch.manual_seed(0)
            module = maker(*positions, **{key: value for key, value in given.items() if not key.isdecimal()})
    except (Exception, SystemExit) as error:
        msg = f"{source.option} cannot be made: {type(error).__name__}: {error}"
        raise ValueError(msg) from error
    if not isinstance(module, torch.nn.Module):
        msg = f"{source.option} must make a torch.nn.Module; it made a {type(module).__name__}"
        raise ValueError(msg)
    return LoadedModule(module, source)


def _parsed(text: str, arguments: str) -> tuple[Path, str, dict[str, Any]]:
    """File, name and literal arguments."""
    match = re.fullmatch(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)\s*(\((?P<given>.*)\))?", text.strip(), re.DOTALL)
    if match is None:
        msg = f"module {FORM}; got {text!r}"
        raise ValueError(msg)
    path = Path(match["file"])
    if not path.is_file():
        msg = f"module must name a file; there is no {path}"
        raise FileNotFoundError(msg)
    given: dict[str, Any] = {}
    for part in (match["given"] or "", arguments):
        new = _literals(part)
        if twice := given.keys() & new.keys():
            msg = f"module arguments must be given once each; got {min(twice)} twice"
            raise ValueError(msg)
        given |= new
    return path, match["name"], given


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    given = ", ".join(f"{'' if key.isdecimal() else f'{key}='}{value!r}" for key, value in arguments.items())
    return f"{name}({given})" if given else name


def _literals(text: str) -> dict[str, Any]:
    """Arguments of a call, all of them literals; those by position have their number as name."""
    try:
        call = ast.parse(f"f({text}\n)", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        values = {str(k): ast.literal_eval(node) for k, node in enumerate(call.args)}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise ValueError
            values[keyword.arg] = ast.literal_eval(keyword.value)
        json.dumps(values)
    except (SyntaxError, ValueError, TypeError) as error:
        msg = f"module arguments must be literals such as hidden=8, name='a', sizes=[2, 3]; got {text!r}"
        raise ValueError(msg) from error
    return values


def _executed(path: Path, sha256: str, name: str) -> Any:
    """What a file calls `name`; the file is executed once, and its classes travel to workers with their text."""
    key = f"agescape_module_{sha256[:16]}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, path)
        if spec is None or spec.loader is None:
            msg = f"{path} cannot be imported"
            raise ValueError(msg)
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module
        try:
            with redirect_stdout(sys.stderr):  # what it prints is no result
                spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[key]
            msg = f"{path} cannot be imported: {type(error).__name__}: {error}{_beside(path, error)}"
            raise ValueError(msg) from error
        _send_by_value(module)
    found = vars(sys.modules[key]).get(name)
    if not callable(found):
        own = [n for n, value in vars(sys.modules[key]).items() if getattr(value, "__module__", None) == key]
        msg = f"{path} must define {name}, a class or function; it defines {', '.join(own) or 'none'}"
        raise ValueError(msg)
    return found


def _beside(path: Path, error: BaseException) -> str:
    """What to do if a file imports another one of its folder, which is not searched; "" if that is not the reason."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name is None or not ((path.parent / f"{name}.py").is_file() or (path.parent / name).is_dir()):
        return ""
    return (
        f"; its folder is not searched, because a changed {name} would not be noticed: move what {path.name} "
        f"needs into it, or set PYTHONPATH"
    )


def _send_by_value(module: Any) -> None:
    """Let workers get the classes of a module that they cannot import, for joblib's and for Dask's pickles."""
    for name in ("joblib.externals.cloudpickle", "cloudpickle"):
        try:
            pickles = importlib.import_module(name)
        except ImportError:
            continue
        pickles.register_pickle_by_value(module)


def declared_spec(module: "torch.nn.Module", shapes: Mapping[str, tuple[int, ...]]) -> PermutationSpec | None:
    """The symmetries that a module declares by its attributes; None if it declares none."""
    axes, flips = getattr(module, "axes_to_perm", None), getattr(module, "sign_flips", ())
    if axes is None:
        if flips:
            msg = "sign_flips must be groups of axes_to_perm, which the module does not have"
            raise ValueError(msg)
        return None
    if not isinstance(axes, Mapping):
        msg = f"axes_to_perm must map names of parameters to groups; got {axes!r:.200}"
        raise ValueError(msg)
    return PermutationSpec(shapes, axes, flips)


def of_module(
    module: "torch.nn.Module", source: ModuleSource | None, spec: PermutationSpec | None
) -> ModuleSource | None:
    """The source with the declared symmetries; of a module that Python made only if it declares some."""
    if source is not None:
        return replace(source, spec=spec)
    return None if spec is None else ModuleSource("", type(module).__name__, "", spec)
