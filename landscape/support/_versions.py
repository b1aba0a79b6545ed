"""Versions of packages, for provenance."""

from importlib.metadata import PackageNotFoundError, version


def package_version(name: str) -> str:
    """Version of an installed package, or "unknown" (agescape runs from a copy that is not installed)."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
