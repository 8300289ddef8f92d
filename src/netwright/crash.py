"""Turns an exception that ended the program into evidence."""

# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

import re
import traceback
from typing import TYPE_CHECKING

from .evidence import NOWHERE, Crash, InPlaceWrite, ModuleCall, Where

if TYPE_CHECKING:
    from .capture.failures import Failure
    from .capture.recorder import Recorder
    from .capture.session import Session

_MEMORY = re.compile(r"out of memory|(can't allocate|not enough) memory|CUBLAS_STATUS_ALLOC_FAILED")


def describe(error: BaseException, session: "Session | None") -> Crash:
    """What is known of the crash: its line, the call and module that failed, the modules on the way there."""
    frames = _user_frames(error)
    where = frames[0] if frames else NOWHERE
    cause = error.__cause__ or error.__context__
    crash = Crash(
        type=type(error).__name__,
        message=str(error),
        where=where,
        user_frames=frames,
        cause=f"{type(cause).__name__}: {cause}" if cause is not None else None,
    )
    return crash if session is None else _with_session(crash, error, session)


def _with_session(crash: Crash, error: BaseException, session: "Session") -> Crash:
    from dataclasses import replace

    recorder = session.recorder
    failure = recorder.failures.of(error)
    phase = session.phase
    if session.recorded:
        phase = "after"
    elif (
        phase == "forward"
        and failure is not None
        and failure.module_type is None
        and recorder.values.tape.roots
    ):
        phase = "loss"
    elif recorder.stage.evaluating:
        phase = "evaluation"
    crash = replace(
        crash,
        phase=phase,
        step=session.recording.steps,
        calls=_calls(error, session),
        bytes_by_kind=_bytes(session),
        writes=_writes(session),
        carried=_carried(session),
    )
    if failure is not None:
        crash = _with_failure(crash, failure)
    elif session.recorded:
        crash = _with_module(crash, error, recorder)
    if session.phase != "before training" and _for_memory(error) and phase != "evaluation":
        from ._crash_memory import step_memory

        crash = replace(crash, memory=step_memory(error, session))  # last: it lets go of what the step held
    return crash


def _for_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or bool(_MEMORY.search(str(error)))


def _with_failure(crash: Crash, failure: "Failure") -> Crash:
    from dataclasses import replace

    return replace(
        crash,
        op=failure.op,
        op_args=failure.args,
        op_kwargs=failure.kwargs,
        module=failure.module,
        module_type=failure.module_type,
        made=failure.made,
    )


def _with_module(crash: Crash, error: BaseException, recorder: "Recorder") -> Crash:
    """The innermost module that the exception of a step went through which was not recorded."""
    from dataclasses import replace

    from .capture.raised import module_calls

    calls = module_calls(error)
    if not calls:
        return crash
    inner = calls[-1].module
    kind = type(inner).__name__
    return replace(
        crash,
        module=_paths(recorder).get(id(inner), kind),
        module_type=kind,
        made=recorder.modules.made_where(inner),
    )


def _user_frames(error: BaseException) -> tuple[Where, ...]:
    import os

    found: list[Where] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if "site-packages" in name or name.startswith("<frozen"):
            continue
        text = traceback.linecache.getline(name, line).strip() or None  # type: ignore[attr-defined]
        found.append(
            Where(
                file=name if name.startswith("<") else os.path.abspath(name),  # noqa: PTH100
                line=line,
                function=frame.f_code.co_name,
                code=text,
            )
        )
    return tuple(_own_only(found))


def _own_only(frames: list[Where]) -> list[Where]:
    import os
    import sysconfig

    library = (sysconfig.get_paths()["stdlib"], os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    return [f for f in reversed(frames) if f.file and not f.file.startswith(library)][:8]


def _paths(recorder: "Recorder") -> dict[int, str]:
    """Names of the modules of the networks, by identity."""
    paths: dict[int, str] = {}
    for network in recorder.modules.networks.values():
        for name, module in network.named_modules():
            paths.setdefault(id(module), name or type(network).__name__)
    return paths


def _calls(error: BaseException, session: "Session") -> tuple[ModuleCall, ...]:
    """The module calls up to the crash: those of the running iteration where it was recorded, else those that the exception went through. What a module does again with the same shapes is told once."""
    from dataclasses import replace

    from .capture.raised import as_calls

    recorder = session.recorder
    table = recorder.stack.table.of_iteration()
    unseen = session.recorded and recorder.failures.of(error) is None
    calls = as_calls(error, recorder.modules) if unseen else table
    outer = [i for i, c in enumerate(calls) if c.depth == 0]
    if outer and len(calls) - outer[-1] > 1:
        calls = calls[outer[-1] :]  # the last network: what went through others came to its end
    paths = _paths(recorder)
    told: dict[object, ModuleCall] = {}
    for call in calls:
        form = tuple(t.shape for t in (*call.inputs, *call.outputs))
        told.setdefault(
            (call.module, call.depth, form, call.failed),
            replace(call, module=paths.get(int(call.module), call.type)),
        )
    return tuple(told.values())[-400:]


def _writes(session: "Session") -> tuple[InPlaceWrite, ...]:
    """The in-place calls of the running iteration on tensors that autograd knows."""
    from .capture.calls import plain_name
    from .capture.tape import slots

    recorder = session.recorder
    tape = recorder.values.tape
    names = {c.index: plain_name(c.name) for c in tape.calls}
    found: list[InPlaceWrite] = []
    for call in tape.calls:
        first = next(slots(call.args), None)
        if not call.inplace or not call.tainted or call.dead or first is None or not call.where.known:
            continue
        value = tape.values[first]
        if value.parameter or value.maker is None or not value.info.requires_grad:
            continue
        frame = call.frame
        module = frame.module() if frame is not None and frame.torch_own else None
        found.append(
            InPlaceWrite(
                op=names[call.index],
                shape=value.info.shape,
                where=call.where,
                made_by=names.get(value.maker),
                made=recorder.modules.made_where(module) if module is not None else None,
            )
        )
    return tuple(found[-64:])


def _carried(session: "Session") -> tuple[Where, ...]:
    """Lines of the running iteration that use a tensor with a history that an earlier iteration made."""
    tape = session.recorder.values.tape
    carried = {v.index for v in tape.values if v.carried and v.maker is None and v.info.requires_grad}
    found: dict[tuple[str | None, int | None], Where] = {}
    for call in tape.calls:
        if call.dead or not carried.intersection(call.reads):
            continue
        root = next((r for r in tape.roots if r.start <= call.index < (r.end or call.index + 1)), None)
        where = root.where if root is not None and root.where.known else call.where
        if where.known:
            found.setdefault((where.file, where.line), where)
    return tuple(found.values())[:8]


def _bytes(session: "Session") -> dict[str, int]:
    found = {"parameters": 0, "gradients": 0, "optimizer": 0}
    for tracked in session.parameters.tracked.values():
        tensor = tracked.tensor
        found["parameters"] += tensor.numel() * tensor.element_size()
        if tensor.grad is not None:
            found["gradients"] += tensor.numel() * tensor.element_size()
    for record in session.recording.optimizers:
        optimizer = record.optimizer()
        for state in optimizer.state.values() if optimizer is not None else ():
            for value in state.values():
                if hasattr(value, "element_size"):
                    found["optimizer"] += value.numel() * value.element_size()
    return found
