"""What a run did not show, in plain words."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .capture.session import Session


def notes(session: "Session | None", *, ended_early: bool, reran: bool = False) -> Iterator[str]:
    """What could not be seen of a program that has ended, or was ended by ``check`` (``ended_early``)."""
    if session is None:
        yield "the program never imported torch, so there was nothing to look at"
        return
    recording = session.recording
    if not recording.backwards:
        yield _what_was_seen(session, reran)
    elif not recording.evaluations:
        yield "no evaluation was seen" + (
            " before the check ended (--wait-evaluation SECONDS waits longer)" if ended_early else ""
        )
    nothing = without_values(session)
    if nothing:
        yield nothing
        return
    for capture in recording.captures:
        if capture.why_not_replayed:
            yield f"values and gradients inside the step were not measured: {capture.why_not_replayed}"
        elif capture.graph.exact is False:
            yield "running the step again did not give the same loss to the last bit; values inside it are approximate"
        if capture.graph.cut:
            yield f"the step has more than {capture.tape.limit} calls; the rest was not recorded"


def without_values(session: "Session") -> str | None:
    """Why the tensors of the training hold nothing that could be measured, if so."""
    from .capture.doors import door_tensors

    captures = [*session.recording.captures, *session.recording.later]
    inputs = [door_tensors(c) for c in captures]
    empty = sum(1 for given in inputs if given and not any(t.numel() for t in given))
    if empty and empty == sum(1 for given in inputs if given):
        return f"all {empty} training batches seen were empty (no sample in them): nothing can be learned from those"
    from .capture.measure import is_imagined

    if any(is_imagined(p.tensor) for p in session.parameters.tracked.values()):
        return "the network (or a part of it) is on the meta device, or fake: it has shapes and no values, so nothing about values was checked"
    return None


def _what_was_seen(session: "Session", reran: bool) -> str:
    """``reran``: child processes were netwright's own."""
    recorder, recording = session.recorder, session.recording
    if session.other_thread:
        return "the training ran in another thread than the one that started the program; only the first is looked at"
    seen: list[str] = []
    if recorder.modules.networks:
        names = ", ".join(sorted({type(m).__name__ for m in recorder.modules.networks.values()})[:4])
        seen.append(f"a forward pass of {names}")
    if recording.optimizers:
        seen.append(f"{len(recording.optimizers)} optimizer(s) made")
    if recording.loaders:
        seen.append(f"{len(recording.loaders)} DataLoader(s) made")
    if (busy := os.times().children_user) > 1.0 and not reran:
        seen.append(
            f"child processes that worked for {busy:.0f} s (training in them is not seen: netwright looks at this one)"
        )
    from .capture.compiling import something_compiled

    what = "; seen instead: " + ", ".join(seen) if seen else "; neither a network nor an optimizer was used"
    if something_compiled():
        what += ". What it compiles (torch.compile) cannot be looked into: with TORCH_COMPILE_DISABLE=1 in the environment it runs uncompiled"
    return "the program did not train: backward was never called" + what
