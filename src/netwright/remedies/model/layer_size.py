"""Give a layer the size of what it gets, or what it gets the form that it takes."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._networks import networks_at
from .._settings import number_of, set_setting
from ..loss._arguments import atom
from ..remedy import Remedy
from ..source import Change, Refused, Source, name_of

remedy = Remedy(
    name="layer-size",
    mends=("NW901",),
    assumes="one layer is made on the line with its size written as a number; or the layer, or the network, is called on the line with one argument that only has to be flattened, given channels, or have them moved",
)
_FORMS = {"flatten": ".flatten(1)", "channels-first": ".permute(0, 3, 1, 2)", "add-channels": ".unsqueeze(1)"}


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``nn.Linear(400, 48)`` becomes ``nn.Linear(256, 48)``; ``self.fc(x)`` becomes ``self.fc(x.flatten(1))``."""
    assert finding.where.line is not None
    setting, got = finding.measured.get("setting"), finding.measured.get("got_size")
    form = _FORMS.get(str(finding.measured.get("form")))
    if form is not None:
        return _formed(source, finding, form)
    if not isinstance(setting, str) or not isinstance(got, int):
        raise Refused("which size is wrong is not known")
    expected = finding.measured.get("expected_size")
    made = [
        c
        for c in source.at(cst.Call, finding.where.line)
        if source.argument(c, setting, 0) is not None and number_of(source, c, setting, 0) == expected
    ]
    if len(made) != 1:
        raise Refused("no one layer with this size, written as a number, is made on the line")
    return [set_setting(source, made[0], setting, str(got), 0)]


def _formed(source: Source, finding: Finding, form: str) -> Sequence[Change]:
    assert finding.where.line is not None
    layer = (finding.where.module or "").rpartition(".")[2]
    calls = [
        c for c in source.at(cst.Call, finding.where.line) if layer and name_of(c.func) == f"self.{layer}"
    ]
    calls = calls or [n.call for n in networks_at(source, finding.where.line)]
    if len(calls) != 1 or len(calls[0].args) != 1 or calls[0].args[0].star:
        raise Refused("the layer is not called once on the line with one argument")
    given = calls[0].args[0].value
    return [source.replace(given, atom(source, given) + form)]
