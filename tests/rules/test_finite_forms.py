"""What NW414 advises follows from the call and from what it was given: real steps, each with another way to come to a NaN or an infinity."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.session import Limits, Session
from netwright.engine import judge
from netwright.evidence import Finiteness
from netwright.registry import find_rule


def advice(program):
    """What is said and advised of a step with this loss."""
    torch.manual_seed(0)
    session = Session(Limits(steps=1))
    session.start()
    try:
        net = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        program(net, torch.rand(8, 4) + 0.5).backward()
        optimizer.step()
    finally:
        session.close()
    (finding,) = judge(
        [find_rule("NW414")], {Finiteness: Finiteness(first=session.recording.nonfinite)}
    ).findings
    return finding


def zero(net, x):
    """Zeros that depend on the weights."""
    out = net(x)
    return out - out.detach()


CASES = {
    # A power: by base and exponent.
    "pow overflows": (lambda n, x: ((n(x) * 1e30) ** 2).mean(), "overflow", "below 0"),
    "pow overflows below 0": (lambda n, x: ((n(x) * -1e32) ** 4).mean(), "overflow", "below 0"),
    "pow of a negative": (lambda n, x: ((n(x) - 100) ** 0.5).mean(), "below 0", "overflow"),
    "pow of zero": (lambda n, x: (zero(n, x) ** -1.0).mean(), "away from 0", "overflow"),
    "derivative of a root at 0": (lambda n, x: (zero(n, x) ** 0.5).mean(), "small number inside", "below 0"),
    # A division: by zeros in the divisor, or so large that nothing added helps.
    "by zero": (lambda n, x: (n(x) / zero(n, x)).mean(), "to the divisor", "overflow"),
    "large by small": (lambda n, x: ((n(x) * 1e36) / (x[:, :3] * 1e-4)).mean(), "overflow", "to the divisor"),
    "derivative of a division by almost 0": (
        lambda n, x: (1e-30 / (zero(n, x).abs() + 1e-25)).mean(),
        "to the divisor",
        "overflow",
    ),
    # Roots, logarithms, exponentials.
    "root of a negative": (lambda n, x: (n(x) - 100).sqrt().mean(), "going below 0", "overflow"),
    "derivative of a root": (lambda n, x: zero(n, x).square().sqrt().mean(), "sqrt(x + 1e-8)", "clip"),
    "log of zero": (lambda n, x: zero(n, x).log().mean(), "above 0", "overflow"),
    "log1p below -1": (lambda n, x: (n(x) - 100).log1p().mean(), "above -1", "above 0"),
    "exp": (lambda n, x: (n(x) + 100).exp().mean(), "overflows beyond 88", "below 0"),
    "exp in float64": (lambda n, x: (n(x).double() + 800).exp().mean(), "float64 overflows beyond 709", "88"),
    "acos outside": (lambda n, x: (n(x) + 100).acos().mean(), "between -1 and 1", "overflow"),
    # Lengths, spreads, means: overflow is no matter of the sign.
    "norm overflows": (lambda n, x: (n(x) * 1e30).norm(), "overflow", "below 0"),
    "std of one": (lambda n, x: n(x)[:1].std(0).mean(), "single value", "below 0"),
    "mean of nothing": (lambda n, x: n(x)[:0].mean(), "empty", "overflow"),
    "square": (lambda n, x: (n(x) * 1e30).square().mean(), "overflow", "defined"),
    "product": (lambda n, x: (n(x) * 1e30 * 1e30).mean(), "overflow", "infinity minus"),
    "matrix product": (lambda n, x: ((n(x) * 1e25) @ (n(x) * 1e25).t()).mean(), "overflow", "infinity minus"),
    "all targets ignored": (
        lambda n, x: F.cross_entropy(n(x), torch.full((8,), -100)),
        "every target is ignored",
        "overflow",
    ),
    "mask by addition": (
        lambda n, x: ((n(x) + torch.full((3,), float("-inf"))).softmax(1) * x[:, :3]).sum(),
        "masked",
        "overflow",
    ),
    "hidden branch": (
        lambda n, x: torch.where(zero(n, x) > 0, zero(n, x) * float("inf"), n(x)).mean(),
        "branch that is not chosen",
        "overflow",
    ),
}


@pytest.mark.filterwarnings("ignore:std\\(\\)")
@pytest.mark.parametrize("name", CASES)
def test_the_cure_follows_from_the_call_and_its_inputs(name):
    program, wanted, unwanted = CASES[name]
    finding = advice(program)
    told = f"{finding.message}\n{finding.fix}"
    assert wanted in finding.fix, told
    assert unwanted not in finding.fix, told
