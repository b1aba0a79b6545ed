"""Modules that a person names: literals only, nothing evaluated; and what is known of another one."""

import sys

import pytest
from support.paths import ROOT

from landscape.losses import ModuleSource, load_module

torch = pytest.importorskip("torch")
NETS = str(ROOT / "tests" / "support" / "modules" / "nets.py")


def test_arguments_are_literals_in_either_place():
    inside = load_module(f"{NETS}:Net(hidden=2, activation='GELU')")
    apart = load_module(f"{NETS}:Net(2)", "activation='GELU'")
    assert inside.source.name == "Net(hidden=2, activation='GELU')"
    assert apart.source.name == "Net(2, activation='GELU')"
    assert str(inside.module) == str(apart.module)
    assert inside.source.file == "nets.py"
    assert inside.source.sha256 == apart.source.sha256
    made = load_module(f"{NETS}:make(3)").module
    assert sum(p.numel() for p in made.parameters()) == 2 * 3 + 3 + 3 * 4 + 4


def test_random_numbers_in_the_making_are_always_the_same_and_touch_no_others():
    state = torch.random.get_rng_state()
    first, second = (load_module(f"{NETS}:Net").module.first.kernel for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("nets", "", "must be FILE.py:NAME"),
        (f"{NETS}:Net(hidden=__import__('os').getpid())", "", "must be literals"),
        (f"{NETS}:Net(hidden=2) or 1", "", "must be FILE.py:NAME"),
        (f"{NETS}:Net(**{{'hidden': 2}})", "", "must be literals"),
        (f"{NETS}:Net(2)(3)", "", "must be literals"),
        (f"{NETS}:Net(hidden=2)", "hidden=3", "hidden twice"),
        (f"{NETS}:Net", "hidden=1+one", "must be literals"),
        (f"{NETS}:Nets", "", "must define Nets.* it defines .*Net"),
        (f"{NETS}:text", "", "must make a torch.nn.Module; it made a str"),
        (f"{NETS}:broken", "", "cannot be made: RuntimeError: not today"),
        (f"{NETS}:Net(width=2)", "", "cannot be made: TypeError"),
    ],
)
def test_other_texts_are_refused(text, more, message):
    with pytest.raises(ValueError, match=message):
        load_module(text, more)


def test_a_file_that_is_missing_or_fails_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no .*none\.py"):
        load_module(f"{tmp_path / 'none.py'}:Net")
    failing = tmp_path / "failing.py"
    failing.write_text("import nothing_of_this_name\n")
    known = set(sys.modules)
    with pytest.raises(ValueError, match=r"failing\.py cannot be imported: ModuleNotFoundError"):
        load_module(f"{failing}:Net")
    (tmp_path / "beside.py").touch()
    failing.write_text("import beside\n")
    with pytest.raises(ValueError, match=r"No module named 'beside'; its folder is not searched.*PYTHONPATH"):
        load_module(f"{failing}:Net")
    failing.write_text("import sys\nsys.exit(3)\n")  # as a script without a guard does
    with pytest.raises(ValueError, match=r"failing\.py cannot be imported: SystemExit: 3"):
        load_module(f"{failing}:Net")
    assert set(sys.modules) == known


def test_what_a_file_prints_is_no_result(tmp_path, capsys):
    file = tmp_path / "talks.py"
    file.write_text(
        "from torch import nn\nprint('at import')\ndef f():\n    print('made')\n    return nn.Linear(2, 2)\n"
    )
    load_module(f"{file}:f")
    assert capsys.readouterr() == ("", "at import\nmade\n")


def test_differences_are_named():
    one = load_module(f"{NETS}:Net(hidden=2)").source
    assert one.difference(one) is None
    assert one.difference(load_module(f"{NETS}:Net(hidden=3)").source) == "it is Net(hidden=2), not Net(hidden=3)"
    other = ModuleSource("nets.py", one.name, "0" * 64)
    assert "nets.py has 000000000000..." in str(one.difference(other))
    assert ModuleSource.from_json(one.to_json()) == one
    assert ModuleSource.from_settings({**one.settings, "module_file": "nets.py"}) == one
    with pytest.raises(ValueError, match="must describe the source of a module"):
        ModuleSource.from_json({"file": "nets.py"})
