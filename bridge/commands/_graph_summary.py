"""A disconnectivity graph in numbers and in words: what `graph` prints."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.commands._exploration import bounds_in_words, own_images
from bridge.commands._graph_sources import Source, describe_source, sizes_of
from bridge.commands._network_words import source_in_words, source_notes
from bridge.commands._results import Summary
from bridge.commands._words import UNKNOWN, counted, data_in_words, loss_unit, number, share
from landscape.graph import DisconnectivityTree, Funnelling, LandscapeGraph, persistence_pairs
from landscape.support import with_unit


def describe_graph(opened: Source, tree: DisconnectivityTree, funnels: Funnelling) -> dict[str, Any]:
    """Sizes of the landscape and of what is shown of it, and how funneled it is."""
    return {
        **sizes_of(opened),
        "unchecked_ends": len(opened.unchecked_ends()),
        "shown": tree.n_leaves,
        "not_shown": dict(tree.left_out),
        "funnelled": funnels.share,
        "funnelled_connected": funnels.connected_share,
        "frustration": funnels.frustration,
        "funnels": len(funnels.funnels) if funnels.connected else None,
        "connected_to_global": funnels.connected,
        **describe_source(opened),
    }


def describe_persistence(landscape: LandscapeGraph, ids: Any) -> dict[str, Any]:
    """Persistence pairs as columns: minimum, birth, death, lowest minimum first."""
    pairs = persistence_pairs(landscape)
    return {"persistence": {"minimum": ids[pairs.minima], "birth": pairs.births, "death": pairs.deaths}}


def summarize_graph(result: dict[str, Any]) -> Summary:
    """What a person reads of a disconnectivity graph."""
    notes = [*own_images(result["minima"], result["transition_states"]), *source_notes(result)]
    if unchecked := result["unchecked_ends"]:
        notes.append(f"The ends of {counted(unchecked, 'transition state')} were never checked: verify with --paths.")
    cut = result.get("gap")
    return Summary(
        verdict=f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} in {counted(result['components'], 'component')}. "
        + _funneled(result),
        facts={
            **_of_connected(result),
            "frustration (1: no barrier in the way)": _frustration(result["frustration"]),
            **bounds_in_words(result["bounds"], drawn=not result["certified_only"]),
            **({"cut out of the axis": with_unit(f"{cut[0]:.6g} to {cut[1]:.6g}", loss_unit(result))} if cut else {}),
            **data_in_words(result),
            **source_in_words(result),
        },
        notes=notes,
        files={"page" if Path(result["output"]).suffix == ".html" else "figure": result["output"]},
    )


def _of_connected(result: Mapping[str, Any]) -> dict[str, str]:
    """The share of the funnel among the connected minima, if others are not connected."""
    if result["funnelled_connected"] == result["funnelled"]:  # which the verdict says
        return {}
    return {"minima within small climbs, of those connected to the global one": share(result["funnelled_connected"])}


def _frustration(index: float | None) -> str:
    if index is not None and math.isinf(index):
        return "infinite: another minimum is as low as the global one, as images of it are"
    return number(index, "", 3)


def _funneled(result: Mapping[str, Any]) -> str:
    """How many minima reach the global one, and the funnels of its component: no other is counted."""
    if result["minima"] < 2:
        return f"There is no second minimum, so the funnels are {UNKNOWN}."
    if not result["connected_to_global"]:
        return f"The funnels are {UNKNOWN}: the global minimum is connected to no other; explore with more searches."
    where = ""
    if result["components"] > 1:
        where = f" in its component of {result['connected_to_global'] + 1:,} minima"
    reach = f"{share(result['funnelled'])} of the other minima reach the global one by small climbs"
    return f"{reach}; {counted(result['funnels'], 'funnel')}{where}."
