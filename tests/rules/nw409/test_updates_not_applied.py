"""How long to wait for a step, on hand-made events."""

from netwright.evidence import Event, Events, OptimizerInfo, Optimizers, Parameters, Program
from netwright.rules.gradients.updates_not_applied import check

_NO_PARAMETERS = Parameters(parameters=())


def _found(events: list[Event], *, steps_seen: int = 0, **optimizer: object) -> int:
    info = OptimizerInfo(index=0, type="SGD", **optimizer)  # type: ignore[arg-type]
    program = Program(script="train.py", steps_seen=steps_seen)
    return len(check(Events(events=tuple(events)), Optimizers(optimizers=(info,)), _NO_PARAMETERS, program))


def test_long_accumulation_is_given_time() -> None:
    assert _found([Event(kind="backward", step=0)] * 15) == 0
    assert _found([Event(kind="backward", step=0)] * 16) == 1
    assert _found([Event(kind="backward", step=0)] * 99, steps_seen=4) == 0


def _step(**detail: object) -> Event:
    return Event(
        kind="optimizer_step", step=0, optimizer=0, detail={"with_grad": 1.0, "changed": 0.0, **detail}
    )


def test_steps_without_effect() -> None:
    groups = ({"lr": 0.0},)
    assert _found([_step()] * 3, steps_seen=3, steps=3, groups=groups) == 1
    assert _found([_step()] * 2, steps_seen=2, steps=2, groups=groups) == 0
    reached = Event(kind="backward", step=0, detail={"grads_there": 1.0, "loss": 1.0})
    assert _found([reached, _step(with_grad=0.0)] * 9, steps_seen=9, steps=9, groups=groups) == 0
    assert _found([_step(with_grad=0.0)] * 3, steps_seen=3, steps=3) == 1  # no backward at all


def test_a_scaler_may_skip_while_it_finds_its_scale() -> None:
    skipped, update = (
        Event(kind="scaler_step", step=0, detail={"skipped": True}),
        Event(kind="scaler_update", step=0),
    )
    assert _found([skipped, update] * 16) == 0
    assert _found([skipped, update] * 17) == 1
    assert _found([skipped] * 3) == 1
