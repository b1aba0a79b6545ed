"""Options of the command graph: what is shown, groups, the cut axis, and the interactive page."""

import json
import re

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, good, strict_json
from support.paths import ROOT

from landscape import Database
from landscape.graph import connections, minimax_barrier, persistence_pairs

DATABASE = ROOT / "examples" / "databases" / "n3162-h5-5.db"


def graph(tmp_path, *options, suffix="svg"):
    return good("graph", DATABASE, "--output", tmp_path / f"g.{suffix}", *options)


def drawn(tmp_path):
    return (tmp_path / "g.svg").read_text()


def page_data(path):
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', path.read_text(), re.S)
    return json.loads(data)


@pytest.fixture(scope="module")
def landscape():
    with Database(DATABASE) as opened:
        yield opened.graph(), opened.minimum_ids()


def test_picked_minima_are_drawn_and_labeled(tmp_path):
    said = strict_json(graph(tmp_path, "--pick", "3,9,40", "--json").out)
    assert (said["shown"], said["not_shown"]) == (3, {"not picked": 61})
    assert all(f"<!-- {number} -->" in drawn(tmp_path) for number in (3, 9, 40))
    assert "<!-- 4 -->" not in drawn(tmp_path)
    (tmp_path / "ids").write_text("3\n9\n40\n")
    assert strict_json(graph(tmp_path, "--pick", tmp_path / "ids", "--json").out)["shown"] == 3


def test_minima_to_identify_are_labeled_among_all(tmp_path):
    said = strict_json(graph(tmp_path, "--identify", "3,9", "--json").out)
    assert said["shown"] == 64
    assert all(f"<!-- {number} -->" in drawn(tmp_path) for number in (3, 9))


def test_poorly_connected_minima_are_left_out(tmp_path, landscape):
    said = strict_json(graph(tmp_path, "--min-connections", 4, "--whole", "--json").out)
    few = int((connections(landscape[0]) < 4).sum())
    assert 0 < few < 64
    assert said["not_shown"] == {"with fewer than 4 transition states": few}


def test_groups_by_a_column_and_by_a_file(tmp_path, landscape):
    graph(tmp_path, "--group", "component")
    assert "<!-- 0 (64 minima) -->" in drawn(tmp_path)
    lines = [f"{number},{'odd one' if number % 2 else 'even'}" for number in landscape[1].tolist()]
    (tmp_path / "groups.csv").write_text("\n".join(["id,parity", *lines[:-1]]))
    graph(tmp_path, "--group", tmp_path / "groups.csv")
    assert "<!-- odd one (3" in drawn(tmp_path)


def test_zero_and_gap(tmp_path, landscape):
    losses = landscape[0].losses - landscape[0].losses.min()
    ends = losses[0] + 0.1 * (losses[1] - losses[0]), losses[0] + 0.9 * (losses[1] - losses[0])
    said = strict_json(graph(tmp_path, "--zero", "--gap", ",".join(map(str, ends)), "--json").out)
    assert said["gap"] == pytest.approx(ends)
    assert "training loss above the global minimum (nats)" in drawn(tmp_path)
    assert strict_json(graph(tmp_path, "--gap", "auto", "--json").out)["gap"] is None  # no large one


def test_persistence_in_json(tmp_path, landscape):
    opened, ids = landscape
    said = strict_json(graph(tmp_path, "--json").out)["persistence"]
    pairs = persistence_pairs(opened)
    assert said["minimum"] == ids[pairs.minima].tolist()
    assert (said["birth"], said["death"]) == (pairs.births.tolist(), pairs.deaths.tolist())
    assert len(said["minimum"]) == 63
    second = said["minimum"].index(int(ids[1]))
    assert said["death"][second] == minimax_barrier(opened, 0, 1)


def test_the_page_has_every_stored_column(tmp_path, landscape):
    (tmp_path / "groups").write_text("1 a\n2 b\n")
    options = ("--color", "hits", "--group", tmp_path / "groups", "--pick", "1,2,3", "--json")
    said = strict_json(graph(tmp_path, *options, suffix="html").out)
    assert said["shown"] == 3
    (panel,) = page_data(tmp_path / "g.html")["panels"]
    tree = panel["tree"]
    assert tree["ids"] == [3, 1, 2]  # lowest first
    assert len(tree["left_out"]) == 61
    assert [column["label"] for column in tree["columns"]][:2] == ["hits", "trace of the Hessian (nats)"]
    assert tree["columns"][-1]["names"] == ["a (1 minimum)", "b (1 minimum)"]
    assert tree["color"] == len(tree["columns"]) - 1
    losses = landscape[0].losses[np.isin(landscape[1], [1, 2, 3])]
    assert panel["data"][1]["y"] == losses.tolist()
    assert (tmp_path / "g.html").stat().st_size < 6_000_000
    assert str(tmp_path / "g.html") in graph(tmp_path, suffix="html").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pick", "3,1000"), "--pick must name minima by their ids; there is no minimum '1000'"),
        (("--identify", "x"), "--identify must name minima by their ids; there is no minimum 'x'"),
        (("--group", "parity"), "must be one of"),
        (("--group", "component", "--color", "hits"), "give --color or --group"),
        (("--gap", "wide"), "--gap must be auto or two losses such as 0.52,1.8; got 'wide'"),
        (("--gap", "0.5,9"), "--gap must lie within the losses drawn"),
        (("--min-connections", "1000"), "with fewer than 1000 transition states"),
        (("--trajectories", "f.h5"), "--trajectories needs a page"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, message):
    assert_complaint(agescape("graph", DATABASE, "--output", tmp_path / "g.svg", *options), message)
    assert not (tmp_path / "g.svg").exists()


@pytest.mark.parametrize("option", [("--gap", "auto"), ("--label", "id"), ("--min-branch", 2), ("--size", "page")])
def test_a_page_refuses_what_only_figures_have(tmp_path, option):
    assert_complaint(agescape("graph", DATABASE, "--output", tmp_path / "g.html", *option), f"{option[0]} need")


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 a b\n", "line 1 has 3 columns"), ("1 a\n9999 b\n", "line 2 must name minima by their ids")],
)
def test_a_file_of_groups_that_is_wrong_is_refused(tmp_path, text, message):
    (tmp_path / "groups").write_text(text)
    options = ("--group", tmp_path / "groups")
    assert_complaint(agescape("graph", DATABASE, "--output", tmp_path / "g.svg", *options), message)
