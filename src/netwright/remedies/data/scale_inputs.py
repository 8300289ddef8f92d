"""Scale the inputs where the network takes them in, so that training and evaluation are treated alike."""

import keyword
from collections.abc import Sequence

from ...rerun import Intervention
from ...rerun.plan import Setting
from ...rule import Finding
from .._hooks import at
from .._networks import first_statement, hooked, network_at, parameters_of
from .._settings import numbers
from ..remedy import Remedy
from ..source import Change, Refused, Source

remedy = Remedy(
    name="scale-inputs",
    mends=("NW101", "NW102", "NW103"),
    assumes="the network is a Sequential or a class of this file, made once and called by name on the line; columns by themselves where the input is a table of at most 64 columns",
)
_CONSTANT = 1e-6  # NW103: a column that varies less beside its size is only centred, since dividing would enlarge its rounding noise


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The first statement of ``forward``, or a hook before the forward pass of a ``Sequential``."""
    assert finding.where.line is not None
    network = network_at(source, finding.where.line)
    if network.forward is None:
        scaled = _scaled(finding, "inputs[0]")
        return hooked(
            source, network, f"register_forward_pre_hook(lambda _, inputs: ({scaled}, *inputs[1:]))"
        )
    name = finding.measured.get("input")
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise Refused("which argument of forward is meant is not known")
    if name not in parameters_of(network.forward):
        raise Refused(f"forward has no parameter {name}")
    return [source.before(first_statement(network.forward), f"{name} = {_scaled(finding, name)}")]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """What the network called on the line gets."""
    centre, width = _numbers(finding)
    name = finding.measured.get("input")
    settings: dict[str, Setting] = {"width": _read(width)}
    if centre is not None:
        settings["centre"] = _read(centre)
    if isinstance(name, str):
        settings["input"] = name
    return at(finding, "scale-inputs", **settings)


def _read(written: str | list[str]) -> float | list[float]:
    return [float(w) for w in written] if isinstance(written, list) else float(written)


def _scaled(finding: Finding, x: str) -> str:
    centre, width = _numbers(finding)
    if centre is None:
        return f"{x} / {width}"
    if isinstance(centre, list):
        return f"({x} - {x}.new_tensor([{', '.join(centre)}])) / {x}.new_tensor([{', '.join(width)}])"
    return f"({x} + {centre[1:]}) / {width}" if centre.startswith("-") else f"({x} - {centre}) / {width}"


def _numbers(finding: Finding) -> tuple[str | list[str] | None, str | list[str]]:
    """What is taken away, and what it is divided by, as they are written; lists for columns.

    Raises:
        Refused: they are not known.
    """
    measured = finding.measured
    low, high = measured.get("min"), measured.get("max")
    if "raw values of 0 to 255" in finding.message and low is not None and high is not None:
        return None, "255"
    means, stds = numbers(measured.get("column_means")), numbers(measured.get("column_stds"))
    if means and stds and len(means) == len(stds):
        spread = [s if s > _CONSTANT * abs(m) and s > 0 else 1.0 for m, s in zip(means, stds, strict=True)]
        # As many digits as the spread asks for.
        centre = [f"{m:.{4 if s > 0.01 * abs(m) else 8}g}" for m, s in zip(means, stds, strict=True)]
        return centre, [f"{s:.4g}" for s in spread]
    mean, std = measured.get("mean"), measured.get("std")
    if finding.code != "NW101" or not isinstance(mean, float | int) or not isinstance(std, float | int):
        raise Refused("mean and standard deviation of each column are not known")
    if not std > _CONSTANT * abs(mean):
        raise Refused("the input hardly varies: nothing to divide by")
    return f"{mean:.4g}", f"{std:.4g}"
