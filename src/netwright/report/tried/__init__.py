"""What the experiments found, in a sentence each and as charts: one file for each experiment, called as the experiment is.

A file has ``sentence(found)`` and, where there is something to draw, ``charts(found)``.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from ...evidence import EXPERIMENTS, Forms
from ...rule import NotApplicable, NotAsked
from ..model import Chart


def _module(name: str) -> ModuleType:
    return import_module("." + name.replace("-", "_"), __name__)


def sentences(evidence: Mapping[type, object]) -> Iterator[str]:
    """One sentence for each experiment that was done, after its name, with the form it was done in where it was not done on the whole."""
    forms = evidence.get(Forms)
    for kind, name in EXPERIMENTS.items():
        if isinstance(found := evidence.get(kind), kind):
            form = forms.by_experiment.get(name) if isinstance(forms, Forms) else None
            yield f"{name}: {_module(name).sentence(found)}" + (f" (done {form})" if form else "")


def reasons(evidence: Mapping[type, object]) -> Iterator[str]:
    """Why experiments that were wanted could not be done."""
    for kind, name in EXPERIMENTS.items():
        why = evidence.get(kind)
        if isinstance(why, NotApplicable) and not isinstance(why, NotAsked):
            yield f"{name}: {why}"


def charts(evidence: Mapping[type, object]) -> Iterator[Chart]:
    """What there is to draw of the experiments that were done."""
    for kind, name in EXPERIMENTS.items():
        if isinstance(found := evidence.get(kind), kind):
            draw = getattr(_module(name), "charts", None)
            yield from draw(found) if draw is not None else ()
