"""Give an absurd setting of the optimizer its usual value."""

from collections.abc import Sequence

import libcst as cst

from ...rerun import Intervention
from ...rule import Finding
from .._hooks import argument
from .._settings import numbers, set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="usual-setting",
    mends=("NW504",),
    assumes="the setting is written in the call of the optimizer, or as a constant of the file",
)
_LEFT_OUT = ("maximize", "dampening", "eps")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """The value that the finding recommends, or torch's default by leaving the setting out."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    setting, value = _usual(finding)
    position = {"lr": 1, "betas": 2, "momentum": 2 if last_name(call.func) == "SGD" else None}.get(setting)
    written = source.argument(call, setting, position)
    if written is None:
        raise Refused(f"{setting} is not written in the call of the optimizer")
    if value is None:
        return [source.drop_argument(call, written)]
    if isinstance(value, list):
        text = ", ".join(f"{v:g}" for v in value)
        # The parentheses of a tuple are not part of its span.
        closed = isinstance(written.value, cst.Tuple) and bool(written.value.lpar)
        return [source.replace(written.value, text if closed else f"({text})")]
    return [set_setting(source, call, setting, value, position)]


@remedy.hook
def hook(finding: Finding) -> Intervention:
    """The setting, as the optimizer gets it."""
    setting, value = _usual(finding)
    if value is None:
        return argument(finding, "optimizer", setting)
    return argument(finding, "optimizer", setting, value=value if isinstance(value, list) else float(value))


def _usual(finding: Finding) -> tuple[str, str | list[float] | None]:
    """The setting that is wrong and what it is to be (``None``: it is left out).

    Raises:
        Refused: that is not known.
    """
    setting = finding.measured.get("setting")
    if not isinstance(setting, str):
        raise Refused("which setting is wrong is not known")
    if setting in _LEFT_OUT:
        return setting, None
    recommended = finding.measured.get("recommended")
    if isinstance(recommended, int | float):
        return setting, f"{recommended:g}"
    pair = numbers(recommended)
    if pair is None:
        raise Refused(f"{setting} has no usual value")
    return setting, pair
