"""When rows of the prediction do not belong to the samples."""

import pytest

from netwright.evidence import BatchAlignment, BatchRows
from netwright.rule import NotApplicable
from netwright.rules.model.batch_dimension_lost import rule


def judge(samples, rows, targets, own=None):
    per_row = rows // samples if rows % samples == 0 else None
    row = BatchRows(
        objective=0,
        samples=samples,
        rows=rows,
        shape=(rows, 10),
        target_rows=targets,
        per_row=per_row,
        own_change=own,
    )
    return rule.function(BatchAlignment(rows=(row,)))


@pytest.mark.parametrize(
    ("samples", "rows", "targets", "own", "findings"),
    [
        (32, 32, 32, 1.0, 0),  # as it should be
        (32, 32, 32, None, 0),  # not measured
        (32, 32, 32, 0.0, 1),  # rows of other samples
        (32, 1, 32, None, 1),  # averaged over the batch
        (32, 8, 32, None, 1),
        (32, 8, 8, None, 0),  # bags of four with a target each
        (32, 320, 320, None, 0),  # one row per token
    ],
)
def test_rows(samples, rows, targets, own, findings):
    assert len(judge(samples, rows, targets, own)) == findings


def test_single_samples_tell_nothing():
    with pytest.raises(NotApplicable):
        judge(1, 1, 1)
