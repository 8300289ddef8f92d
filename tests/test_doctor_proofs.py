"""Where the examination asks for a proof: of sick programs alone, once they have ended, and a failure of it harms nothing."""

import io
from pathlib import Path

import pytest

from handmade import finding, report
from netwright import doctor, launch
from netwright.diagnosis import Edit, Proof, Proved
from netwright.options import RunOptions

ENDED = launch.Ending(code=0)


def patient(proofs):
    made = doctor.admit(RunOptions(target="train.py", argv=("--epochs", "3")))
    made.proofs = proofs
    made.folder = Path("/project")
    return made


def asked(found, ending=ENDED, proof=None):
    seen = []

    def proofs(command, report, stream):
        seen.append(command)
        return proof

    return doctor._proven(patient(proofs), found, ending, io.StringIO()), seen


def test_a_proof_is_asked_for_what_is_sick():
    fault = finding()
    healed = Edit(name="r", title="r", codes=(fault.code,), where=fault.where, proved=Proved.PROVEN)
    shown, seen = asked(report(fault), proof=Proof(yardstick="accuracy", edits=(healed,)))
    assert shown.diagnosis.proof.proven
    (command,) = seen
    assert (command.target, command.argv, command.folder) == ("train.py", ("--epochs", "3"), Path("/project"))


def test_none_is_known():
    found = report(finding())
    shown, seen = asked(found)
    assert shown == found
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("found", "ending"),
    [(report(), ENDED), (report(finding()), launch.Ending(interrupted=True))],
    ids=["healthy", "interrupted"],
)
def test_none_is_asked_for(found, ending):
    shown, seen = asked(found, ending)
    assert shown == found
    assert seen == []


def test_a_proof_that_fails_is_noted():
    def fails(command, report, stream):
        raise RuntimeError("oh")

    found = report(finding())
    shown = doctor._proven(patient(fails), found, ENDED, io.StringIO())
    assert "NW000: the proof failed (RuntimeError: oh)" in shown.notes[-1]
    assert "oh" in shown.traces[-1]
    assert shown.findings == found.findings
