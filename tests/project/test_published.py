"""Pages about the figures of the paper: numbers are those of the JSON files, verdicts what these give."""

import importlib.util
import re

import pytest
from support.paths import ROOT

from bridge.claims import CLAIMS
from bridge.figures import FIGURES

REPRODUCTION = [ROOT / "docs" / "reproduction.md", *sorted((ROOT / "docs" / "reproduction").glob("*.md"))]
SETTINGS = {"1.35", "0.1.0", "0.75", "0.85"}  # of the data, of agescape, of what counts as about 0.8
EXPONENTS = r"(10|tw)\^[\d.]+"


@pytest.fixture(scope="module")
def published():
    spec = importlib.util.spec_from_file_location("published", ROOT / "docs" / "published.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_what_the_json_files_say(published):
    assert set(published.pages()) >= set(REPRODUCTION)
    for page in published.pages():
        assert published.filled(page.read_text()) == page.read_text(), f"{page}: run python docs/published.py"


def test_the_first_page_has_every_statement_of_the_paper_once(published):
    found = (one.group("file", "name") for one in published.VERDICT.finditer(REPRODUCTION[0].read_text()))
    said = [one for one in found if one[0] != "claims"]  # these have a page of their own
    assert sorted(said) == sorted((name, one.name) for name, figure in FIGURES.items() for one in figure.statements)


def test_the_first_page_has_each_verdict_in_its_section(published):
    sections = re.split(r"^\*\*(Holds|Does not hold|Undecided).*\*\*$", REPRODUCTION[0].read_text(), flags=re.M)[1:]
    verdicts = {"Holds": "holds", "Does not hold": "fails", "Undecided": "undecided"}
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        assert {found["verdict"] for found in published.VERDICT.finditer(text)} == {verdicts[title]}


def test_every_figure_of_the_paper_has_its_page():
    pages = {page.stem for page in REPRODUCTION}
    assert pages >= {name for name, figure in FIGURES.items() if figure.statements}


@pytest.mark.parametrize("page", REPRODUCTION, ids=lambda page: page.stem)
def test_no_number_is_typed_in(page, published):
    """But for quotations of the paper, its numbers that are marked, and settings."""
    text = published.BLOCK.sub("", page.read_text())
    of_paper = " ".join(f"{one.published} {one.text}" for figure in FIGURES.values() for one in figure.statements)
    for number in re.findall(r"([\d.]+)<!-- published -->", text):
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", of_paper), number
    text = re.sub(r"[\d.]+<!-- published -->", "", published.INLINE.sub("", text))
    text = re.sub(rf"^>.*$|^```.*?^```|`[^`]*`|\]\([^)]*\)|<!--.*?-->|{EXPONENTS}", "", text, flags=re.M | re.S)
    assert set(re.findall(r"\d+(?:\.\d+)+", text)) <= SETTINGS


def test_numbers_are_filled_in(published, monkeypatch):
    ours = {"mu": [0.71234, None], "mu_low": [0.6, None], "mu_high": [0.8, None], "hidden": ["3", "2,2"]}
    monkeypatch.setattr(published, "numbers", lambda file: {"ours": ours})
    assert published.filled("0.6<!-- fig2 mu.0 .2f -->, ?<!-- fig2 mu.0 .0% -->") == (
        "0.71<!-- fig2 mu.0 .2f -->, 71%<!-- fig2 mu.0 .0% -->"
    )
    table = published.filled("<!-- numbers of fig2: layers = hidden | mu = mu:.2f+ -->\nold\n<!-- end -->\n")
    assert table.splitlines()[2:-2] == [
        "| layers | mu |", "| --- | --- |", "| 3 | 0.71 [0.60, 0.80] |", "| 2,2 | none [none, none] |"
    ]  # fmt: skip
    assert published.filled(table) == table


def test_a_verdict_that_is_another_one_is_an_error(published, monkeypatch):
    monkeypatch.setattr(published, "numbers", lambda file: {"ours": {"lowest_loss": [0.5], "minima": [10, 1000, 10_000],
                                                            "searches": [1], "minima_at_plateau": [0]}})  # fmt: skip
    assert published.filled("<!-- minima lowest_loss: holds -->") == "<!-- minima lowest_loss: holds -->"
    with pytest.raises(ValueError, match="minima lowest_loss must be holds; got fails"):
        published.filled("<!-- minima lowest_loss: fails -->")


def test_the_table_of_claims_has_every_claim_and_its_verdict(published):
    """As `agescape reproduce claims` found it."""
    found = published.judged("claims")
    assert [one.name for one in found] == list(CLAIMS)
    rows = published.claims("claims")
    assert [row[5] for row in rows[2:]] == [f"**{one.in_words}**" for one in found]
    text = (ROOT / "docs" / "reproduction" / "claims.md").read_text()
    assert all(one.statement in text for one in found if "*" not in one.statement)
