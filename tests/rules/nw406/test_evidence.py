"""NW406 and NW407 on evidence made by hand: what tips the scale."""

import pytest

from netwright.evidence import Event, Events, Flow, LayerFlow, ParameterFlow, SignalPropagation
from netwright.rule import NotApplicable, Severity
from netwright.rules.gradients import exploding_gradient, vanishing_gradient

BATCHES = (1.0, 1.1, 0.9, 1.0)


def flow(gradients, updates, *, norms=None, before=None, over_time=(), batches=BATCHES):
    """A chain of layers: each parameter's gradient and update, each layer's gradient at its input."""
    layers = tuple(
        LayerFlow(
            name=f"layers.{i}",
            op="linear",
            graph=0,
            node=i,
            weighted=True,
            before=tuple(range(i)) if before is None else before[i],
            gradients=tuple((norms or gradients)[i] * b for b in batches),
            steps=20 if over_time else 1,
            over_time=tuple(over_time[i] * b for b in batches) if over_time else (),
        )
        for i in range(len(gradients))
    )
    parameters = tuple(
        ParameterFlow(
            name=f"layers.{i}.weight",
            layer=i,
            size=100,
            gradients=tuple(g * b for b in batches),
            touched=1.0,
            updates=tuple(u * b for b in batches),
        )
        for i, (g, u) in enumerate(zip(gradients, updates, strict=True))
    )
    return Flow(layers=layers, parameters=parameters, losses=batches)


def found(start, now=None, scaled=False):
    return SignalPropagation(start=start, now=now or start, optimizer="SGD", scaled=scaled)


def vanishing(*args, **given):
    return vanishing_gradient.rule.function(found(*args, **given))


def exploding(*args, clip=False, **given):
    events = Events(events=(Event(kind="clip", step=0),) if clip else ())
    return exploding_gradient.rule.function(found(*args, **given), events)


GONE = flow([1e-6, 1e-5, 1e-1, 1.0], [1e-9, 1e-8, 1e-4, 1e-3])


def test_the_layer_nearest_to_the_loss_is_named():
    finding = vanishing(GONE)
    assert finding.where.module == "layers.1"
    assert finding.measured["layers"] == ["layers.0", "layers.1"]
    assert finding.measured["ratio"] == pytest.approx(1e-5)
    assert finding.measured["update"] < finding.measured["update_high"] < 1.3e-8


@pytest.mark.parametrize(
    "start",
    [
        flow([1e-6, 1e-5, 1e-1, 1.0], [1e-3] * 4),  # Adam moves them all the same
        flow([1e-2, 1e-2, 1e-1, 1.0], [1e-9, 1e-8, 1e-4, 1e-3]),  # the gradient is there
        flow([1e-6, 1e-5, 1e-1, 1.0], [1e-12, 1e-11, 1e-8, 1e-7]),  # nothing moves: the rate is small
        flow([1e-1, 1e-6, 1e-1, 1.0], [1e-4, 1e-9, 1e-4, 1e-3]),  # a small branch beside a way that is whole
        flow([0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1e-3]),  # behind a last layer that starts at zero
    ],
)
def test_what_is_no_vanishing_gradient(start):
    assert vanishing(start) is None


def test_a_gradient_on_its_way_back_is_left_alone():
    # Twenty times as much as at the start, and still small.
    assert vanishing(GONE, flow([2e-5, 2e-4, 1e-1, 1.0], [2e-8, 2e-7, 1e-4, 1e-3])) is None
    assert vanishing(GONE, flow([2e-6, 2e-5, 1e-1, 1.0], [2e-9, 2e-8, 1e-4, 1e-3])) is not None


def test_batches_that_disagree_tell_nothing():
    # The mean is beyond the limit, the interval is not.
    start = flow([1e-4, 1.0], [1e-9, 1e-3])
    wide = ParameterFlow(
        name="layers.0.weight",
        layer=0,
        size=100,
        gradients=(1e-7, 1e-6, 1e-2, 1e-2),
        touched=1.0,
        updates=(1e-9,) * 4,
    )
    shaky = Flow(layers=start.layers, parameters=(wide, start.parameters[1]), losses=start.losses)
    assert vanishing(start) is not None
    assert vanishing(shaky) is None
    with pytest.raises(NotApplicable, match="three batches"):
        vanishing(flow([1e-6, 1.0], [1e-9, 1e-3], batches=(1.0, 1.0)))


def test_growth_over_depth_and_over_time():
    grown = flow([1.0] * 4, [1e-3] * 4, norms=[1e6, 1e5, 1e1, 1.0])
    assert exploding(grown).where.module == "layers.1"
    assert exploding(flow([1.0] * 4, [1e-3] * 4, norms=[5e2, 1e2, 1e1, 1.0])) is None
    over_time = exploding(flow([1.0, 1.0], [1e-3] * 2, over_time=[1e4, 1.0]))
    assert over_time.measured["over_time"] is True
    assert over_time.where.module == "layers.0"
    assert exploding(grown, clip=True).severity is Severity.INFO
    assert exploding(grown, flow([1.0] * 4, [1e-3] * 4)) is None  # over after a few steps


def test_a_gradient_that_is_not_finite_is_an_error_unless_the_scale_is_being_found():
    start = flow([1.0, 1.0], [1e-3] * 2)
    layers = (
        LayerFlow(name="a", op="linear", graph=0, node=0, weighted=True, before=(), gradient_finite=False),
        LayerFlow(name="b", op="linear", graph=0, node=1, weighted=True, before=(0,)),
    )
    broken = Flow(layers=layers, parameters=start.parameters, losses=start.losses)
    assert exploding(broken).severity is Severity.ERROR
    assert exploding(broken, scaled=True) is None
