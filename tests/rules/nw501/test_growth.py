"""Weights of a watched run against what they were: those of the right network, and a majority of them."""

from netwright.evidence import ParameterInfo, Parameters, Stats
from netwright.rules._history import grown
from netwright.rules.optimization.learning_rate_too_high import check
from tests.histories import history, noisy


def parameter(name, root, rms=0.25):
    stats = Stats(count=64, mean=0.0, std=rms, min=-1.0, max=1.0)
    return ParameterInfo(name=name, root=root, shape=(8, 8), dtype="float32", initial=stats, fan_in=8)


def sizes(**norms):
    return history(
        loss__0=noisy([2.3] * 60), **{f"parameter__{k}__weight_norm": [v] for k, v in norms.items()}
    )


def test_networks_with_the_same_names_are_told_apart():
    # 64 weights of 1/sqrt(8) have a norm of sqrt(8): that is once their size.
    made = history(
        **{"parameter__weight__weight_norm": [8**0.5], "parameter__1:weight__weight_norm": [5 * 8**0.5]}
    )
    found = grown(made, Parameters(parameters=(parameter("weight", 0), parameter("weight", 1))), until=100)
    assert [round(times, 6) for times in found] == [1.0, 5.0]


def test_one_or_two_weights_are_no_majority():
    three = Parameters(parameters=tuple(parameter(n, 0) for n in ("a", "b", "c")))
    two = Parameters(parameters=three.parameters[:2])
    run = sizes(a=100.0, b=100.0, c=100.0)
    assert [f.code for f in check(None, None, three, run)] == ["NW501"]
    assert check(None, None, two, run) == []
