"""Registry of noises. A new one is a file here with its compiled functions and a `Noise`, and an entry in `NOISES`."""

from dynamics.noises._base import Noise
from dynamics.noises._epochs import Epochs
from dynamics.noises._full import Full
from dynamics.noises._gaussian import Gaussian, GaussianReplacement
from dynamics.noises._langevin import Langevin
from dynamics.noises._persistent import Persistent
from dynamics.noises._replacement import Replacement

NoiseName = str  # one of `NOISES`

NOISES: dict[str, type[Noise]] = {
    noise.name: noise for noise in (Epochs, Replacement, Persistent, Full, Langevin, Gaussian, GaussianReplacement)
}


def get_noise(name: str) -> type[Noise]:
    """The kind of noise called `name`, or a ValueError that lists the names."""
    if name not in NOISES:
        msg = f"noise must be one of {', '.join(NOISES)}; got {name!r}"
        raise ValueError(msg)
    return NOISES[name]


def make_noise(noise: str | Noise, **parameters: float | None) -> Noise:
    """Make the noise with this name and these parameters; those that are None count as not given.

    Raises
    ------
    ValueError
        If there is no such noise, or a parameter is missing, out of range, or not one of this noise.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    if isinstance(noise, Noise):
        return noise
    kind = get_noise(noise)
    for name in kind.parameters():
        if name not in given:
            msg = f"{name} must be given with the noise {kind.name!r}"
            raise ValueError(msg)
    for name, value in given.items():
        if name not in kind.parameters():
            msg = f"{name} must not be given with the noise {kind.name!r}, which has no such parameter; got {value!r}"
            raise ValueError(msg)
    return kind(**given)
