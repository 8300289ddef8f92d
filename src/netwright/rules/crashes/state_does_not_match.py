"""What is loaded does not belong to this network or optimizer.

## What it measures
The exception that ended the program, if it comes of loading a state: names that are missing, names that are too many, shapes that differ, parameter groups of an optimizer.

## Why it matters
The checkpoint was saved from another architecture, or from the same one in a wrapper that puts a word before each name (``DataParallel``, ``torch.compile``).

## How to fix
Take the word off the names. Where only the last layer has another size, leave its entries out and load the rest with ``strict=False``. Otherwise build the network as it was when it was saved. ``strict=False``
alone loads nothing where no name fits, without a word.

## Known false alarms
None: the exception has happened.

## Source
The messages of PyTorch 2.13, produced by small programs; its tutorial "Saving and loading models".
"""

import re

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, numbers, pattern, simple

rule = Rule(
    code="NW909",
    name="state-does-not-match",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("strip-prefix",),
)

# Wrappers that put a word before every name.
_WORDS = {"module.": "DataParallel or DistributedDataParallel", "_orig_mod.": "torch.compile"}
_SHAPE = re.compile(
    r"size mismatch for ([\w.]+): copying a param with shape torch\.Size\((\[[\d, ]*\])\) from checkpoint, the shape in current model is torch\.Size\((\[[\d, ]*\])\)"
)


def _loading(crash: Crash, match: "re.Match[str]") -> Told:
    missing, extra = _names("Missing", crash.message), _names("Unexpected", crash.message)
    shapes = [(n, numbers(a), numbers(b)) for n, a, b in _SHAPE.findall(crash.message)]
    numbers_found: tuple[tuple[str, object], ...] = (
        ("missing", missing[:20]),
        ("unexpected", extra[:20]),
        ("shapes", [[n, list(a), list(b)] for n, a, b in shapes[:20]]),
    )

    def told(message: str, fix: str) -> Told:
        return Told(f"{message} (loaded at {crash.where.at})", fix, crash.where, numbers_found)

    for word, wrapper in _WORDS.items():
        if extra and all(n.startswith(word) for n in extra) and not all(n.startswith(word) for n in missing):
            return told(
                f"every name in the checkpoint begins with `{word}`: it was saved from a network wrapped by {wrapper}",
                f"take it off before loading: torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, '{word}')",
            )
        if (
            missing
            and all(n.startswith(word) for n in missing)
            and not all(n.startswith(word) for n in extra)
        ):
            return told(
                f"every name that is wanted begins with `{word}`: this network is wrapped by {wrapper}, the one that was saved was not",
                "load the state before the network is wrapped, or into model.module",
            )
    if shapes and not missing and not extra:
        name, saved, here = shapes[0]
        more = f", and {len(shapes) - 1} more" if len(shapes) > 1 else ""
        return told(
            f"`{name}` has shape {saved} in the checkpoint and {here} in this network{more}",
            "build the layer as it was when it was saved; for another number of classes leave its entries out of the state and load the rest with strict=False",
        )
    parts = [f"{len(missing)} names are missing in it ({', '.join(missing[:3])})" if missing else ""]
    parts += [f"{len(extra)} are not in this network ({', '.join(extra[:3])})" if extra else ""]
    parts += [f"{len(shapes)} have another shape" if shapes else ""]
    return told(
        f"the checkpoint is not of {match.group(1)} as it is here: {', '.join(p for p in parts if p)}",
        "build the network as it was when it was saved, or load the part of it that was saved",
    )


def _names(kind: str, message: str) -> list[str]:
    found = re.search(rf"{kind} key\(s\) in state_dict: (.*?)\.\s*(?:\n|$)", message)
    return re.findall(r'"([^"]+)"', found.group(1)) if found else []


PATTERNS = (
    pattern(r"Error\(s\) in loading state_dict for (\w+)", _loading),
    simple(
        r"loaded state dict (contains a parameter group that doesn't match the size of optimizer's group|has a different number of parameter groups)",
        "the optimizer's saved state is of another set of parameters than the one it holds here",
        "make the optimizer over the same parameters, in the same groups and order, as when it was saved (frozen ones included)",
    ),
    simple(
        r"Expected state_dict to be dict-like, got <class '([\w.]+)'>",
        "what was loaded is a {0}, not a state: a whole object was saved",
        "save model.state_dict() and load that; from this one take .state_dict()",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message of loading a state."""
    return explain(rule, crash, PATTERNS, "a state saved from the same network")
