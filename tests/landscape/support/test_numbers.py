"""Checks and readings of single numbers."""

import pytest

from landscape.support import parse_whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("-3", -3), (" 12 ", 12), ("1e5", 100_000), ("1E+5", 100_000), ("2.5e3", 2500), ("3.0", 3),
        ("9007199254740993", 2**53 + 1), ("9.007199254740993e15", 2**53 + 1), ("1e23", 10**23),  # beyond a float
    ],
)  # fmt: skip
def test_whole_numbers_are_exact(text, number):
    assert parse_whole(text) == number


@pytest.mark.parametrize("text", ["", "1.5", "1e-1", "1.25e1", "nan", "inf", "1e999999999", "five", "1,000", "1e"])
def test_what_is_no_whole_number(text):
    assert parse_whole(text) is None
