"""Command `kinetics`."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._graph_sources import LandscapePath
from bridge.commands._network_words import source_in_words, source_notes
from bridge.commands._options import AsJson, describe_metadata
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words, number, some_of
from landscape.graph import LandscapeGraph, components, funnelling, minimax_barriers, superbasins
from landscape.interchange import KineticNetwork, read_network, read_set
from landscape.kinetics import RateNetwork, committors, first_passage_times
from landscape.support import new_file

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SET_HELP = "ids such as 1,5,9, or a file such as min.{0}. [default: min.{0} of the folder]"
TEMPERATURES = 200  # of the heat capacity
PER_MINIMUM = ("ids", "losses", "barriers", "superbasins", "occupations", "committors", "first_passage_times")


def kinetics(
    path: LandscapePath,
    temperature: Annotated[
        float | None,
        typer.Option(help="Temperature of the rates, in units of the energies (nats for a loss). [default: no rates]"),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="A", help="First set of minima: " + SET_HELP.format("A"))
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="B", help="Second set of minima: " + SET_HELP.format("B"))
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="Energy below which minima share a superbasin if a path connects them.")
    ] = None,
    temperatures: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Heat capacity and free energies of the funnels between these temperatures. [default: none]",
        ),
    ] = None,
    rotations: Annotated[
        bool, typer.Option("--rotations", help="Rates with the moments of inertia of rigid rotors.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Table to write, F.csv: a row for each minimum.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure barriers, superbasins, rates, first-passage times and committors between sets of minima.

    Rates are overdamped (Kramers and Langer) for minima that agescape found, and otherwise those of harmonic
    transition-state theory.
    """
    network = read_network(path)
    graph = network.graph
    if not graph.n_minima:
        msg = f"{path} holds no minimum"
        raise ValueError(msg)
    sets = {"from": _minima(network, start, "A"), "to": _minima(network, end, "B")}
    if temperature is None and (start or end or rotations):
        msg = "--from, --to and --rotations need --temperature"
        raise ValueError(msg)
    result = {
        "format": network.format,
        "minima": graph.n_minima,
        "transition_states": graph.n_transition_states,
        "components": int(components(graph).max()) + 1,
        "left_out": dict(network.left_out),
        "repeated": network.repeated,
        **_barriers(network, level),
        "temperature": temperature,
        **(_motion(network.rates(temperature, rotations=rotations), network, sets) if temperature is not None else {}),
        **({} if temperatures is None else {"superposition": _superposition(network, temperatures)}),
        "output": output,
        **(describe_metadata(network.metadata) if network.metadata else {}),
    }
    if output is not None:
        _write(output, result)
    show(result, summarize(result), as_json=as_json)


def _minima(network: KineticNetwork, given: str | None, name: str) -> Integers | None:
    """Positions of the minima of a set."""
    if given is None:
        return network.sets.get(name)
    if Path(given).is_file():
        return read_set(Path(given), network.graph.n_minima)
    return network.positions([part.strip() for part in given.split(",")])


def _barriers(network: KineticNetwork, level: float | None) -> dict[str, Any]:
    """Energies of the minima, and the highest energy on the best path from each to the global minimum."""
    graph: LandscapeGraph = network.graph
    lowest = int(np.argmin(graph.losses))
    return {
        "ids": network.ids,
        "losses": graph.losses,
        "global_minimum": network.ids[lowest],
        "barriers": minimax_barriers(graph, lowest),
        "level": level,
        "superbasins": None if level is None else superbasins(graph, level),
    }


def _motion(rates: RateNetwork, network: KineticNetwork, sets: Mapping[str, Integers | None]) -> dict[str, Any]:
    """Occupation in equilibrium, and the kinetics between the two sets."""
    occupations = rates.equilibrium
    result: dict[str, Any] = {"dynamics": network.dynamics, "occupations": occupations}
    a, b = sets["from"], sets["to"]
    result |= {name: None if minima is None else len(minima) for name, minima in sets.items()}
    result |= {f"{name}_ids": None if minima is None else network.ids[minima] for name, minima in sets.items()}
    if a is None or b is None:
        if (a is None) != (b is None):
            msg = "give both --from and --to"
            raise ValueError(msg)
        return result
    there, back = first_passage_times(rates, b), first_passage_times(rates, a)
    times = {"there": _mean(there, rates, a), "back": _mean(back, rates, b)}
    return result | {
        "committors": committors(rates, a, b),
        "first_passage_times": there,
        **{f"mean_first_passage_time_{way}": time for way, time in times.items()},
        **{f"rate_constant_{way}": 1.0 / time for way, time in times.items()},
    }


def _superposition(network: KineticNetwork, given: str) -> dict[str, Any]:
    """The equilibrium of harmonic wells at temperatures spaced evenly in the logarithm."""
    try:
        low, high = (float(part) for part in given.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low < high < np.inf:
        msg = f"--temperatures must be two ascending numbers > 0 such as 0.001,0.1; got {given!r}"
        raise ValueError(msg)
    found = network.superposition(np.geomspace(low, high, TEMPERATURES))
    funnels = funnelling(network.graph).funnels
    numbers = {name: getattr(found, name) for name in ("temperatures", "energy", "heat_capacity", "peak", "crossings")}
    return numbers | {
        "largest_heat_capacity": float(found.heat_capacity.max()),
        "funnels": network.ids[funnels],
        "occupations": found.occupations.T,
        "free_energies": found.free_energies.T,
    }


def _mean(times: Floats, rates: RateNetwork, minima: Integers) -> float:
    """Mean over the equilibrium in a set of minima."""
    assert rates.log_weights is not None
    weights = np.exp(rates.log_weights[minima] - rates.log_weights[minima].max())
    return float(np.average(times[minima], weights=weights))


def _write(path: Path, result: Mapping[str, Any]) -> None:
    columns = {name: result[name] for name in PER_MINIMUM if result.get(name) is not None}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "loss", *list(columns)[2:]])
    writer.writerows(zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True))
    with new_file(path) as unfinished:
        unfinished.write_text(text.getvalue(), encoding="utf-8")


def summarize(result: Mapping[str, Any]) -> Summary:
    """What a person reads of the kinetics of a landscape."""
    climbs = result["barriers"] - result["losses"]
    finite = climbs[np.isfinite(climbs)]
    facts = {
        "highest climb to the global minimum": number(float(finite.max()), "", 6),
        "global minimum": str(result["global_minimum"]),
    }
    notes = source_notes(result)
    if apart := int(climbs.size - finite.size):
        notes.append(f"{counted(apart, 'minimum', 'minima')} not connected to the global minimum: no barrier known.")
    if result["level"] is not None:
        labels = result["superbasins"]
        facts[f"superbasins below {result['level']:g}"] = (
            f"{labels.max() + 1:,} of {counted(int((labels >= 0).sum()), 'minimum', 'minima')}"
        )
    return Summary(
        verdict=_verdict(result),
        facts=facts
        | _heat_in_words(result)
        | _rates_in_words(result)
        | source_in_words(result)
        | data_in_words(result),
        notes=notes,
        files={} if result["output"] is None else {"table": result["output"]},
    )


def _verdict(result: Mapping[str, Any]) -> str:
    text = (
        f"{counted(result['minima'], 'minimum', 'minima')} and "
        f"{counted(result['transition_states'], 'transition state')} in {counted(result['components'], 'component')}."
    )
    if "committors" not in result:
        return text
    time = result["mean_first_passage_time_there"]
    to = result["to_ids"]
    verb = "is" if len(to) == 1 else "are"
    after = f"reached after a mean time of {time:.4g}, in the unit of one over the rates"
    reached = "never reached" if np.isinf(time) else after
    return f"{text} From {_named(result['from_ids'])}, {_named(to)} {verb} {reached}."


def _named(ids: Any) -> str:
    """Minima by their ids, e.g. "minimum 155" or "minima 1, 2, 3"."""
    return f"{'minimum' if len(ids) == 1 else 'minima'} {some_of(ids)}"


def _heat_in_words(result: Mapping[str, Any]) -> dict[str, str]:
    if "superposition" not in result:
        return {}
    found = result["superposition"]
    top, peak = number(found["largest_heat_capacity"], "", 3), found["peak"]
    where = f"at temperature {number(peak, '', 4)}" if np.isfinite(peak) else "at an end of the temperatures"
    crossed = int(np.isfinite(found["crossings"]).sum())
    return {
        "heat capacity beyond the vibrations": f"at most {top}, {where}",
        "funnels": f"{len(found['funnels'])}, of which {crossed} become more stable than that of the global minimum",
    }


def _rates_in_words(result: Mapping[str, Any]) -> dict[str, str]:
    if result["temperature"] is None:
        return {}
    facts = {"temperature": number(result["temperature"]), "rates": result["dynamics"]}
    if "committors" in result:
        facts |= {
            "rate constants there and back": " and ".join(
                number(result[f"rate_constant_{way}"]) for way in ("there", "back")
            )
        }
    return facts
