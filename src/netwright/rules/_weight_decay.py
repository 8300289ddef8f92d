"""How optimizers of torch treat weight decay."""

from collections.abc import Mapping

_ADAM = frozenset(("Adam", "AdamW", "NAdam", "RAdam", "Adamax"))
_APART = frozenset(("AdamW", "Muon", "Adafactor"))


def is_adam(kind: str) -> bool:
    """Whether an optimizer divides the gradient by its own size, plus an epsilon."""
    return kind in _ADAM


def decays_apart(kind: str, group: Mapping[str, object]) -> bool:
    """Whether the weights are shrunk by rate times decay in each step, apart from the gradient."""
    return kind in _APART or group.get("decoupled_weight_decay") is True
