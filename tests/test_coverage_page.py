"""docs/coverage.md names every point of the guides, and everything it names can be imported."""

import re
from importlib import import_module
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "coverage.md").read_text(encoding="utf-8")
COUNTS = {"H": (1, 11), "T": (0, 12), "S": (1, 6), "E": (1, 13), "B": (1, 10)}
IDS = [f"{letter}{n}" for letter, (first, last) in COUNTS.items() for n in range(first, last + 1)]


@pytest.mark.parametrize("key", IDS)
def test_every_point_has_a_row_that_is_honest(key):
    (row,) = re.findall(rf"^\| {key} \|.*$", PAGE, re.MULTILINE)
    state = row.split(" | ")[2]
    assert state in ("yes", "partly", "not yet")
    assert ("`netwright." in row) == (state != "not yet")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(netwright(?:\.\w+)+)`", PAGE))))
def test_what_it_names_exists(name):
    found, rest = None, name.split(".")
    for i in range(len(rest), 0, -1):
        try:
            found, rest = import_module(".".join(rest[:i])), rest[i:]
            break
        except ModuleNotFoundError as error:
            assert error.name is not None
            assert name.startswith(error.name), error
    for part in rest:
        found = getattr(found, part)
    assert found is not None
