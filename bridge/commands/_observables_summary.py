"""What `observe` found in words: a line for each observable, from the numbers of its JSON."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bridge.commands._aging_summary import rest
from bridge.commands._results import Summary, Table
from bridge.commands._words import (
    counted,
    data_in_words,
    estimate_in_words,
    estimated,
    estimates_between,
    is_unknown,
    loss_unit,
    with_interval,
)

OK = "ok"


def summarize(result: Mapping[str, Any]) -> Summary:
    """What a person reads of the observables."""
    found = {name: result[name] for name in WORDS if name in result}
    if "curves" in found:
        found["curves"] = {**found["curves"], "regression": result.get("regression"), "loss_unit": loss_unit(result)}
    if "gradients" in found:
        found["gradients"] = {**found["gradients"], "loss_unit": loss_unit(result)}
    runs = result["replicas"]
    facts = {title: text for name, part in found.items() for title, text in WORDS[name](part, runs).items()}
    tables = [_layers(result["layers"], runs)] if "layers" in result else []
    return Summary(
        verdict=f"{counted(len(found) + len(tables), 'observable')} of {counted(result['replicas'], 'run')} of "
        f"{counted(result['steps'], 'step')}; t* and mu at Delta* = {result['threshold']:g}.",
        facts=facts | data_in_words(result),
        tables=tables,
        notes=[*_left_out(result), rest(result)],
        files={"figure": result["output"]} if result.get("output") else {},
    )


def _left_out(result: Mapping[str, Any]) -> list[str]:
    """What could not be measured because nobody recorded what it needs."""
    if result.get("missing") is None or not result["left_out"]:
        return []
    return [
        f"Left out: {', '.join(result['left_out'])}; the runs do not say what they descend (their metadata have no "
        f"{result['missing']}), and only what was recorded can be measured. --loss-of F.db, a database of minima of "
        "their loss, says it."
    ]


def _layers(part: Mapping[str, Any], runs: int) -> Table:
    rows = [
        (
            name,
            f"{size:,}",
            _mu(part["groups"][name]),
            estimates_between(part["groups"][name]["t_star"], part["groups"][name]["t_star_interval"], runs=runs),
        )
        for name, size in zip(part["names"], part["sizes"], strict=True)
    ]
    return Table(("parameters of", "number", "mu", "t* (steps)"), rows)


def _mu(fit: Mapping[str, Any]) -> str:
    return with_interval(fit["mu"], fit["mu_low"], fit["mu_high"], status=fit.get("status", OK))


def _curves(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    def accuracy(words: str, name: str) -> dict[str, str]:  # a regression has none
        return {} if part.get("regression") else {words: estimated(part, name, "%", runs=runs)}

    return {
        "loss at the end": estimated(part, "final_loss", loss_unit(part), runs=runs),
        **accuracy("accuracy at the end", "final_accuracy"),
        "test loss at the end, without penalty": estimated(part, "final_test_loss", loss_unit(part), runs=runs),
        **accuracy("test accuracy at the end", "final_test_accuracy"),
        "gradient norm at the end": estimated(part, "final_gradient_norm", loss_unit(part), runs=runs),
    }


def _symmetric(part: Mapping[str, Any], _: int) -> dict[str, str]:
    how = "" if part["exact"] else ", an upper bound of the displacement"
    return {"mu of the displacement modulo symmetry": _mu(part) + how}


def _outputs(part: Mapping[str, Any], _: int) -> dict[str, str]:
    return {f"mu of the {part['space']} ({part['data']} rows)": _mu(part)}


def _alpha_2(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    told = estimates_between(part["largest"], part["largest_interval"], runs=runs, digits=3)
    return {"largest non-Gaussian parameter alpha_2": told}


def _second_regime(part: Mapping[str, Any], _: int) -> dict[str, str]:
    return {
        "nu of the lag at which curves leave the first regime": with_interval(
            part["nu"], part["nu_low"], part["nu_high"], status=part["status"]
        )
    }


def _scaling(part: Mapping[str, Any], _: int) -> dict[str, str]:
    told = ", ".join(part["supported"]) if part["status"] == OK else str(part["status"])
    return {"scaling forms that predict whole curves": told}


def _chi_4(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    told = estimates_between(part["largest"], part["largest_interval"], runs=runs, digits=3)
    return {"largest four-point susceptibility chi_4": told}


def _van_hove(part: Mapping[str, Any], _: int) -> dict[str, str]:
    tails = np.asarray(part["tail"], float)
    return {"largest share of displacements beyond 3 rms (Gaussian: 0.0027)": f"{np.nanmax(tails):.2g}"}


def _overlap(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    return {
        "overlap with the other runs at the end": estimated(part, "final_overlap", runs=runs, digits=3),
        "distance to the other runs at the end": estimated(part, "final_distance", runs=runs),
    }


def _alignment(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    means, ends = (np.asarray(part[name], float) for name in ("mean_over_steps", "mean_over_steps_interval"))
    return {
        f"alignment of updates {counted(int(apart), 'step')} apart": estimate_in_words(
            mean, low, high, runs=runs, digits=2
        )
        for apart, mean, (low, high) in zip(part["separations"], means, ends, strict=True)
    }


def _onsets(part: Mapping[str, Any], _: int) -> dict[str, str]:
    sources = {"the loss": part["from_loss"], "the alignment": part["from_alignment"]}
    return {f"onset of the slow phase, from {name}": _onset(one) for name, one in sources.items() if one is not None}


def _onset(one: Mapping[str, Any]) -> str:
    if is_unknown(one["step"]):
        return "not determined" if one["status"] == OK else str(one["status"])
    return with_interval(one["step"], one["low"], one["high"], "steps", digits=0)


def _gradients(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    names = {"full": "of all rows", "minibatch": "of a minibatch", "noise": "of their difference"}
    return {
        f"gradient {words}, at the end": estimate_in_words(
            part[name][-1], *part[f"{name}_interval"][-1], unit=loss_unit(part), runs=runs, digits=3
        )
        for name, words in names.items()
    }


def _tails(part: Mapping[str, Any], runs: int) -> dict[str, str]:
    return {
        f"tail index of the noise of {counted(int(size), 'row')}, at the end (Gaussian: 2)": estimate_in_words(
            part["index"][b][-1], *part["index_interval"][b][-1], runs=runs, digits=3
        )
        for b, size in enumerate(part["batch_sizes"])
    }


WORDS: dict[str, Callable[[Mapping[str, Any], int], dict[str, str]]] = {
    "curves": _curves,
    "modulo_symmetry": _symmetric,
    "outputs": _outputs,
    "alpha2": _alpha_2,
    "second_regime": _second_regime,
    "scaling": _scaling,
    "chi4": _chi_4,
    "van_hove": _van_hove,
    "overlap": _overlap,
    "alignment": _alignment,
    "onset": _onsets,
    "gradients": _gradients,
    "tail_index": _tails,
}
