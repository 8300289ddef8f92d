"""The two-sample test on samples drawn by hand, and where a difference is a warning."""

import dataclasses

import pytest
import torch

from netwright.evidence import NOWHERE, Separation, Splits, Where
from netwright.probes._separation import separations
from netwright.rule import NotApplicable, Severity
from netwright.rules.data.sets_differ import rule


def draw(rows, seed, scale=1.0, shift=0.0, columns=20):
    draws = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, columns, generator=draws) + shift


def best(training, evaluation):
    return {s.by: s for s in separations(training, evaluation)}


@pytest.mark.parametrize("seed", range(5))
def test_two_samples_of_one_distribution(seed):
    found = best(draw(300, 2 * seed), draw(100, 2 * seed + 1))
    assert all(s.low < 0.65 for s in found.values()), found


def test_noise_shows_within_samples():
    clean, noise = draw(300, 0), draw(300, 1, scale=2.0)
    found = best(clean + noise, draw(100, 2))
    assert found["spread"].low > 0.95
    assert found["spread"].training > 2 * found["spread"].evaluation


def test_a_shift_shows_in_the_level():
    found = best(draw(300, 0), draw(100, 1, shift=1.0))
    assert found["level"].auc > 0.99
    assert found["spread"].low < 0.65


def test_one_column_of_many_is_found_by_the_model():
    new = draw(200, 1)
    new[:, 3] += 3.0
    found = best(draw(300, 0), new)
    assert found["model"].low > 0.9
    assert found["spread"].low < 0.8


@pytest.mark.parametrize(
    "pair", [(None, None), (draw(20, 0), draw(300, 1)), (draw(50, 0), draw(50, 0, columns=3))]
)
def test_nothing_is_said_of_few_samples_or_symbols(pair):
    assert separations(*pair) == ()


def splits(*found, paired=False):
    return Splits(
        training=300,
        evaluation=100,
        equal=0,
        near=0,
        chance=0.0,
        whole=False,
        separations=tuple(
            Separation(by=by, auc=low + 0.01, low=low, high=1.0, training=1.0, evaluation=2.0)
            for by, low in found
        ),
        paired=paired,
    )


@pytest.mark.parametrize(
    ("found", "severity"),
    [
        ([("roughness", 0.96)], Severity.WARNING),
        ([("model", 0.99), ("spread", 0.96)], Severity.WARNING),
        ([("model", 0.99), ("level", 0.99), ("spread", 0.94)], Severity.INFO),
        ([("model", 0.79)], None),
    ],
)
def test_rough_samples_are_a_warning_and_other_differences_information(found, severity):
    finding = rule.function(splits(*found))
    assert (finding.severity if finding is not None else None) is severity


@pytest.mark.parametrize("seen", [splits(), splits(("spread", 0.99), paired=True)])
def test_it_abstains(seen):
    with pytest.raises(NotApplicable):
        rule.function(seen)


LINE = Where(file="/a.py", line=7)


def noisy(low, before, changed=LINE, by="spread", evaluation=0.5):
    """Sets that the program makes unlike: what tells them apart after random numbers came in, and before."""
    found = splits((by, low))
    return dataclasses.replace(
        found,
        separations=tuple(dataclasses.replace(s, evaluation=evaluation) for s in found.separations),
        changed=changed,
        unchanged=(Separation(by="model", auc=before - 0.05, low=before - 0.1, high=before),),
    )


def test_random_numbers_that_make_the_difference_are_a_warning_at_their_line():
    finding = rule.function(noisy(0.92, 0.6))
    assert (finding.severity, finding.where) == (Severity.WARNING, LINE)
    assert finding.remedies == ("remove-augmentation",)


@pytest.mark.parametrize(
    "seen",
    [
        noisy(0.92, 0.85),
        noisy(0.88, 0.6),
        noisy(0.92, 0.6, changed=NOWHERE),
        noisy(0.92, 0.6, by="model"),
        noisy(0.92, 0.6, evaluation=2.0),
    ],
)
def test_sets_that_differ_by_themselves_or_a_little_are_information(seen):
    finding = rule.function(seen)
    assert finding.severity is Severity.INFO
    assert finding.remedies == ()
