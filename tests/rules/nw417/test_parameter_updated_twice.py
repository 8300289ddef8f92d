"""Which double steps count, on hand-made events."""

from netwright.evidence import Event, Events, Optimizers, ParameterInfo, Parameters
from netwright.rules.gradients.parameter_updated_twice import check

_PARAMETERS = Parameters(
    parameters=(ParameterInfo(name="fc.weight", shape=(2, 2), dtype="float32", optimizers=(0, 1)),)
)
_NONE = Optimizers(optimizers=())


def _step(optimizer: int, **detail: object) -> Event:
    return Event(kind="optimizer_step", step=0, optimizer=optimizer, detail={"with_grad": 1.0, **detail})


def _events(*cycle: Event) -> Events:
    return Events(events=cycle * 3, captured_steps=3)


_BACKWARD = Event(kind="backward", step=0)


def test_two_optimizers_on_one_gradient() -> None:
    assert len(check(_events(_BACKWARD, _step(0), _step(1)), _NONE, _PARAMETERS)) == 1


def test_a_gradient_each_is_silent() -> None:
    assert check(_events(_BACKWARD, _step(0), _BACKWARD, _step(1)), _NONE, _PARAMETERS) == []


def test_no_common_parameters_is_silent() -> None:
    assert check(_events(_BACKWARD, _step(0), _step(2)), _NONE, _PARAMETERS) == []


def test_one_optimizer_twice() -> None:
    assert len(check(_events(_BACKWARD, _step(0), _step(0)), _NONE, _PARAMETERS)) == 1


def test_wrapping_optimizers_are_silent() -> None:
    assert check(_events(_BACKWARD, _step(0, nested=True), _step(1)), _NONE, _PARAMETERS) == []
