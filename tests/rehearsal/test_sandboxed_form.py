"""A remedy on copies of the recorded steps and at the hooks of a re-run: the first steps have the same losses to the last bit, and not those of the program as it is."""

import os
import pickle
import traceback

import pytest

from netwright.capture.sandbox import untouched
from netwright.capture.session import Limits, Session
from netwright.rehearsal import Sandbox, treated
from netwright.rerun import Plan
from netwright.rule import NotApplicable

from ..programs import ready
from ..remedies.test_both_forms import CASES, PROGRAM, SEQUENCES, found, remedy_named
from ..rerun.forked import rerun

STEPS = 3


def recorded(script):
    """The recording of a program, in this process."""
    from netwright import launch

    session = Session(Limits(steps=8))
    session.keep_start = True
    session.start()
    try:
        launch.run(str(script), (), is_module=False)
    finally:
        session.close()
    assert session.recorder.broken is None, session.recorder.broken
    return session


def apart(function):
    """What a function gives in a child of this process, where a program leaves nothing behind."""
    ready()
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            try:
                answer = function()
            except NotApplicable as why:
                answer = str(why)
            except BaseException:
                answer = traceback.format_exc()
            with os.fdopen(write, "wb") as out:
                pickle.dump(answer, out)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as given:
        answer = pickle.load(given)
    os.waitpid(child, 0)
    return answer


def rehearsed(script, *interventions):
    """The losses of the first steps on copies, for each intervention, and before them those of the program as it is."""

    def work():
        session = recorded(script)
        answers = []
        with untouched():
            for intervention in (None, *interventions):
                try:
                    sandbox = treated(session, intervention) if intervention else Sandbox(session)
                    answers.append(list(sandbox.train(STEPS)))
                except NotApplicable as why:
                    answers.append(str(why))
        return answers

    answer = apart(work)
    assert isinstance(answer, list), answer
    return answer


def rerun_losses(script, *interventions):
    trace = rerun(script, Plan(steps=STEPS, evaluate=False, interventions=interventions))
    return list(trace.losses[:STEPS])


REFUSED = {
    "schedule-in-its-unit": "a schedule",
    "evaluate-in-evaluation-mode": "evaluations",
    "shuffle": "batches",
    "larger-batches": "batches",
}
IN_DISTRIBUTION = {"default-initialization"}


@pytest.mark.parametrize(("name", "code", "mark", "swaps", "measured"), CASES)
def test_copies_train_as_the_hooks_do(name, code, mark, swaps, measured, tmp_path):
    text = next(p for p in (PROGRAM, SEQUENCES) if all(s in p for s in swaps or [mark]))
    for old, new in swaps.items():
        text = text.replace(old, new)
    finding = found(tmp_path, text, code, mark, **measured)
    intervention = remedy_named(name).treat(finding).intervention
    script = tmp_path / "train.py"
    plain, treated_ = rehearsed(script, intervention)
    if name in REFUSED:
        assert REFUSED[name] in treated_
        return
    assert plain == rerun_losses(script)
    if name in IN_DISTRIBUTION:
        return
    assert treated_ == rerun_losses(script, intervention)
    assert treated_ != plain
