"""From the recording to evidence: each function makes one kind of evidence, its annotations say from what."""

from collections.abc import Callable

from .observed import Observed as Observed


def all_probes() -> tuple[Callable[..., object], ...]:
    """Every probe, found by walking this package: a public function whose return annotation is evidence."""
    import inspect
    import pkgutil
    from importlib import import_module
    from typing import get_type_hints

    found: list[Callable[..., object]] = []
    for item in pkgutil.iter_modules(__path__, __name__ + "."):
        module = import_module(item.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            made = get_type_hints(function).get("return")
            if isinstance(made, type) and made.__module__.startswith("netwright.evidence"):
                found.append(function)
    return tuple(found)
