"""Twins against natural duplicates, and what the program calls its data."""

from dataclasses import replace

import pytest

from netwright.evidence import Splits, Where
from netwright.probes._held_out import held_out
from netwright.rule import NotApplicable
from netwright.rules.data.sets_overlap import rule

PLACE = Where(file="/project/train.py", line=9)
SEEN = Splits(
    training=500,
    evaluation=100,
    equal=30,
    near=0,
    chance=0.02,
    whole=False,
    held_out="x_test",
    where=PLACE,
    trained_at=PLACE,
)


def test_a_third_of_the_test_set_was_trained_on():
    found = rule.function(SEEN)
    assert found.measured["share"] == 0.3
    assert found.measured["low"] == pytest.approx(0.219, abs=0.001)


def test_near_twins_count_too():
    assert rule.function(replace(SEEN, equal=2, near=20)) is not None


@pytest.mark.parametrize("changes", [{"equal": 2}, {"equal": 3}, {"equal": 0}])
def test_a_few_are_a_coincidence(changes):
    assert rule.function(replace(SEEN, evaluation=200, chance=0.0, **changes)) is None


@pytest.mark.parametrize("changes", [{"chance": 0.25}, {"chance": None}, {"whole": True}, {"held_out": None}])
def test_it_abstains(changes):
    with pytest.raises(NotApplicable):
        rule.function(replace(SEEN, **changes))


SOURCE = """
def evaluate(model, loader):
    model.eval()
    for x, y in loader:
        print("test accuracy", model(x))

def main(model, train_loader, test_loader, latest):
    evaluate(model, test_loader)
    evaluate(model, train_loader)
    evaluate(model, latest)
    for x, y in val_loader:
        model(x)
    model(xtest)
    model(trainer.test_set)
    print(f"{model(XTest)} {model(x_train)}")

main(model, train_loader, test_loader, None)
"""


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ((5, 8, 17), "test_loader"),
        ((5, 9, 17), None),
        ((5, 10), None),
        ((5, 10, 17), None),
        ((12, 17), "val_loader"),
        ((13, 17), "xtest"),
        ((14, 17), "test_set"),
        ((15, 17), None),
    ],
)
def test_only_the_programs_own_words_tell(tmp_path, lines, name):
    script = tmp_path / "train.py"
    script.write_text(SOURCE)
    assert held_out([Where(file=str(script), line=line) for line in lines]) == name
