"""Programs recorded in a forked child, and trained there on copies of their steps."""

import os
import pickle
import traceback

from netwright import launch
from netwright.capture.sandbox import untouched
from netwright.capture.session import Limits, Session
from netwright.rehearsal import Sandbox, treated
from netwright.rule import NotApplicable

from ..programs import ready


def recorded(script):
    """The recording of a program that is run in this process."""
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
    child = os.fork()
    if not child:
        try:
            try:
                answer = function()
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
    assert not isinstance(answer, str), answer
    return answer


def rehearsed(script, *interventions, steps=3):
    """For each intervention (None: the program as it is) the losses of the first steps on copies, and why there are none."""

    def work():
        session = recorded(script)
        answers = []
        with untouched():
            for intervention in interventions:
                try:
                    sandbox = Sandbox(session) if intervention is None else treated(session, intervention)
                    answers.append((list(sandbox.train(steps)), ""))
                except NotApplicable as why:
                    answers.append(([], str(why)))
        return answers

    return apart(work)
