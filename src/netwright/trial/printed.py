"""Metrics that a program prints under their usual names, where it computes them with other libraries than torch."""

import re
from collections.abc import Sequence

# Whether more is better. What a loss is called is not among them: a loss that a remedy changes is no yardstick.
HIGHER = {
    "accuracy": True, "acc": True, "average precision": True, "auc": True, "auroc": True, "roc auc": True, "f1": True, "f1 score": True,
    "macro f1": True, "r2": True, "r^2": True, "iou": True, "dice": True, "bleu": True, "spearman": True, "correlation": True,
    "rmse": False, "mse": False, "mae": False, "mape": False, "error": False, "perplexity": False, "ppl": False,
}  # fmt: skip
# Those of them that see what a rare class is answered.
FOR_RARE = ("average precision", "f1", "f1 score", "macro f1", "auc", "auroc", "roc auc", "iou", "dice")
HELD_OUT = "held-out loss"
_LOSS = re.compile(
    r"(?<![a-z])(?:dev|val|valid|validation|test|eval|evaluation|held[- ]out)[ _-]?loss[\s:=(]*(?P<number>(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)",
    re.IGNORECASE,
)
_WORDS = "|".join(re.escape(w).replace("\\ ", "[ _-]") for w in sorted(HIGHER, key=len, reverse=True))
_BETWEEN = r"(?:[ \t]+(?:on|of|in|over|for|the|is|was|score|test|val|valid|validation|evaluation|held-out|set|data|samples?))*[\s:=(]*"
_FOUND = re.compile(
    rf"(?P<before>[^\d\n]*?)(?<![a-z0-9])(?P<word>{_WORDS})(?![a-z0-9]){_BETWEEN}(?P<number>(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)",
    re.IGNORECASE,
)
_LONGEST = 500  # characters at the end of a line; progress bars write long ones
_TRAINING = re.compile(r"\btrain", re.IGNORECASE)


def printed(lines: Sequence[str]) -> dict[str, float]:
    """The last value printed behind each name, and of a loss that is said to be of other data than the training's; what is said to be of the training data is passed over.

    Args:
        lines: of the program's output.
    """
    found: dict[str, float] = {}
    for line in lines:
        for match in _FOUND.finditer(line[-_LONGEST:]):
            if not _TRAINING.search(match["before"]):
                found[re.sub(r"[_-]", " ", match["word"].lower())] = float(match["number"])
        for match in _LOSS.finditer(line[-_LONGEST:]):
            found[HELD_OUT] = float(match["number"])
    return found
