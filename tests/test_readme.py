import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(README), "exec"), {})
    assert re.fullmatch(r"\d+ minima, \d+ visited, mu = \d.*\n", capsys.readouterr().out)
    assert (tmp_path / "visits.svg").read_text().startswith("<?xml")


def test_every_figure_of_the_readme_exists():
    figures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", README.read_text())
    assert len(figures) == 3
    assert all((README.parent / figure).is_file() for figure in figures)
