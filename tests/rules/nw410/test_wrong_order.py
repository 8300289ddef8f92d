"""Boundaries of the wrong orders, on hand-made events."""

from netwright.evidence import Event, Events
from netwright.rules.gradients.wrong_order import check


def _cycle(*kinds: str, times: int = 3, **detail: object) -> Events:
    made = [Event(kind=k, step=n, optimizer=0, detail=detail) for n in range(times) for k in kinds]
    return Events(events=tuple(made), captured_steps=times)


def test_right_order_is_silent() -> None:
    assert check(_cycle("zero_grad", "backward", "clip", "optimizer_step", with_grad=1.0, limit=1.0)) == []
    assert check(_cycle("backward", "clip", "optimizer_step", "zero_grad", with_grad=1.0, limit=1.0)) == []


def test_clearing_before_the_step() -> None:
    (found,) = check(_cycle("backward", "zero_grad", "optimizer_step", with_grad=0.0))
    assert found.measured["steps"] == 3


def test_clearing_another_optimizer_is_silent() -> None:
    events = [
        e
        for n in range(3)
        for e in (
            Event(kind="backward", step=n),
            Event(kind="zero_grad", step=n, optimizer=1),
            Event(kind="optimizer_step", step=n, optimizer=0, detail={"with_grad": 0.0}),
        )
    ]
    assert check(Events(events=tuple(events), captured_steps=3)) == []


def test_clip_after_the_step_and_a_logged_norm() -> None:
    order = ("zero_grad", "backward", "optimizer_step", "clip")
    assert len(check(_cycle(*order, with_grad=1.0, limit=1.0))) == 1
    assert check(_cycle(*order, with_grad=1.0, limit=float("inf"))) == []


def test_clip_between_two_steps_of_one_backward_is_silent() -> None:
    order = ("zero_grad", "backward", "optimizer_step", "clip", "optimizer_step")
    assert check(_cycle(*order, with_grad=1.0, limit=1.0)) == []


def test_clip_before_unscale() -> None:
    wrong = ("zero_grad", "backward", "clip", "scaler_step", "scaler_update")
    right = ("zero_grad", "backward", "unscale", "clip", "scaler_step", "scaler_update")
    assert len(check(_cycle(*wrong, scaled=True, limit=1.0))) == 1
    assert check(_cycle(*right, scaled=True, limit=1.0)) == []
    assert check(_cycle(*wrong, scaled=False, limit=1.0)) == []


def test_scheduler_first() -> None:
    step = Event(kind="optimizer_step", step=0, optimizer=0, detail={"with_grad": 1.0})
    early = Event(kind="scheduler_step", step=0, detail={"lr_before": 0.1, "lr_after": 0.01})
    assert len(check(Events(events=(early, step)))) == 1
    assert check(Events(events=(step, early))) == []
    assert check(Events(events=(early, early, early, step))) == []  # a schedule wound forward to resume
