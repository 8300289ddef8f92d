"""How a run ended, in the word that its record keeps."""

import pytest

from netwright.launch import Ending
from netwright.logbook import _status


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (Ending(), "finished"),
        (Ending(code=3), "failed"),
        (Ending(code=1, error=RecursionError()), "crashed"),
        (Ending(code=130, error=KeyboardInterrupt(), interrupted=True), "interrupted"),
        (Ending(code=1, terminated=True), "terminated"),
        (Ending(stopped=True), "stopped"),
    ],
)
def test_one_word_for_each_end(ending, status):
    assert _status(ending) == status
