"""Give an absurd setting of the optimizer its usual value."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._settings import numbers, set_setting
from .._training import optimizer_call
from ..remedy import Remedy
from ..source import Change, Refused, Source, last_name

remedy = Remedy(
    name="usual-setting",
    mends=("NW504",),
    assumes="the setting is written in the call of the optimizer, or as a constant of the file",
)
_USUAL = {"momentum": "0.9", "alpha": "0.99", "rho": "0.9"}
_LEFT_OUT = ("maximize", "dampening", "eps")
_RATE = "1e-3"  # Kingma and Ba (2015)


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """What torch has as a default, or what recipes use; betas that are swapped are swapped back."""
    assert finding.where.line is not None
    call = optimizer_call(source, finding.where.line)
    setting, value = finding.measured.get("setting"), finding.measured.get("value")
    if not isinstance(setting, str):
        raise Refused("which setting is wrong is not known")
    if setting in _LEFT_OUT:
        argument = source.argument(call, setting)
        if argument is None:
            raise Refused(f"{setting} is not written in the call of the optimizer")
        return [source.drop_argument(call, argument)]
    if setting == "betas":
        pair = numbers(value) or []
        swapped = len(pair) == 2 and all(0 <= b < 1 for b in pair) and pair[1] < pair[0]
        text = f"({pair[1]:g}, {pair[0]:g})" if swapped else "(0.9, 0.999)"
        argument = source.argument(call, "betas", 2)
        if argument is None:
            raise Refused("betas are not written in the call of the optimizer")
        # The parentheses of a tuple are not part of its span.
        written = isinstance(argument.value, cst.Tuple) and bool(argument.value.lpar)
        return [source.replace(argument.value, text[1:-1] if written else text)]
    if not isinstance(value, int | float):
        raise Refused("its value is not known")
    position = {"lr": 1, "momentum": 2 if last_name(call.func) == "SGD" else None}.get(setting)
    if setting in ("lr", "weight_decay") and value < 0:
        text = f"{-value:g}"
    elif setting == "weight_decay":
        text = f"{min(value / 100, 1e-2):g}"
    elif setting == "lr":
        text = _RATE
    elif setting in _USUAL and value >= 0:
        text = _USUAL[setting]
    else:
        raise Refused(f"{setting} has no usual value")
    if source.argument(call, setting, position) is None:
        raise Refused(f"{setting} is not written in the call of the optimizer")
    return [set_setting(source, call, setting, text, position)]
