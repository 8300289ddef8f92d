"""Take off the names what a wrapper put before them, before the weights are loaded."""

from collections.abc import Sequence

import libcst as cst

from ...rule import Finding
from .._loops import needs_torch
from .._settings import texts
from ..remedy import Remedy
from ..source import Change, Refused, Source, called, name_of

remedy = Remedy(
    name="strip-prefix",
    mends=("NW909",),
    assumes="every name in what is loaded begins with the same word of a wrapper (module., _orig_mod.), none that is wanted does, and it has a name on the line of load_state_dict",
)
_WORDS = ("module.", "_orig_mod.")


@remedy.edit
def edit(source: Source, finding: Finding) -> Sequence[Change]:
    """``consume_prefix_in_state_dict_if_present(state, "module.")`` before ``load_state_dict(state)``."""
    there, wanted = (texts(finding.measured.get(k)) for k in ("unexpected", "missing"))
    words = [w for w in _WORDS if there and all(n.startswith(w) for n in there)]
    if not words or any(n.startswith(words[0]) for n in wanted):
        raise Refused("the names do not differ by the word of a wrapper")
    needs_torch(source)
    assert finding.where.line is not None
    for call in called(source, finding.where.line, "load_state_dict"):
        state = source.argument(call, "state_dict", 0)
        statement = source.statement_of(call)
        if state is None or not name_of(state.value) or not isinstance(statement, cst.SimpleStatementLine):
            continue
        strip = "torch.nn.modules.utils.consume_prefix_in_state_dict_if_present"
        return [source.before(statement, f'{strip}({source.code(state.value)}, "{words[0]}")')]
    raise Refused("what is loaded has no name on the line")
