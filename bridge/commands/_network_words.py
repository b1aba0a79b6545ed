"""What is said of a landscape of another program; nothing here reads one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge.commands._options import describe_metadata
from bridge.commands._words import counted

if TYPE_CHECKING:
    from landscape.interchange import KineticNetwork

OURS, LON = "agescape", "local optima network"  # formats
NO_BARRIERS = (
    "A local optima network knows no transition states: each of its edges is level with the higher of its two optima, "
    "a lower bound on the barrier."
)


def describe_network(network: "KineticNetwork") -> dict[str, Any]:
    """What the JSON of anything made from the file of another program says of it."""
    said = {"format": network.format, "left_out": dict(network.left_out), "repeated": network.repeated}
    return said | (describe_metadata(network.metadata) if network.metadata else {})


def source_in_words(result: Mapping[str, Any]) -> dict[str, str]:
    """The kind of file, as a fact."""
    return {"file": result["format"]} if result.get("format") not in (None, OURS) else {}


def source_notes(result: Mapping[str, Any]) -> list[str]:
    """What of a file is not in the network, or is in it twice."""
    notes = [NO_BARRIERS] if result.get("format") == LON else []
    notes += [f"Left out, {reason}: {number:,}." for reason, number in result.get("left_out", {}).items()]
    if repeated := result.get("repeated"):
        notes.append(f"{counted(repeated, 'transition state')} stands in the file more than once; rates add them up.")
    return notes
