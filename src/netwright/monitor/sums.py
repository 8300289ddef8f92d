"""Running sums of how right a network is, and the metrics that they come to."""

from dataclasses import dataclass

import torch

_MOST_CLASSES = 64
_ANSWERS = "answers/"


@dataclass(slots=True, eq=False)
class Sums:
    """Running sums of one phase, on the device of the targets: ``table`` counts (target, prediction) pairs of classes."""

    count: torch.Tensor | None = None
    right: torch.Tensor | None = None
    loss: torch.Tensor | None = None
    error: torch.Tensor | None = None
    table: torch.Tensor | None = None
    sequence: bool = False
    dense: bool = False

    def add(self, more: "Sums") -> None:
        """Add what another part of the phase came to."""
        for name in ("count", "right", "loss", "error"):
            value = getattr(more, name)
            if value is not None:
                setattr(self, name, plus(getattr(self, name), value))
        if more.table is not None and (self.table is None or self.table.shape == more.table.shape):
            self.table = plus(self.table, more.table)
        self.sequence |= more.sequence
        self.dense |= more.dense

    def numbers(self) -> tuple[list[str], torch.Tensor] | None:
        """Names of the metrics, and their values on the device."""
        if self.count is None:
            return None
        found: dict[str, torch.Tensor] = {}
        if self.loss is not None:
            found["loss"] = self.loss / self.count
            if self.sequence:
                found["perplexity"] = torch.exp(found["loss"])
        if self.right is not None:
            found["accuracy"] = self.right / self.count
        if self.error is not None:
            found["absolute_error"] = self.error / self.count
        if self.table is not None:
            found.update(_of_table(self.table, dense=self.dense))
            found.update(_answers(self.table))
        return list(found), torch.stack([v.double().reshape(()) for v in found.values()])


def _of_table(table: torch.Tensor, *, dense: bool) -> dict[str, torch.Tensor]:
    """Mean over the classes that occur, of F1; of the intersection over union where each place has a class."""
    hits, targets, predictions = table.diagonal(), table.sum(1), table.sum(0)
    occurs = (targets > 0).double()
    classes = occurs.sum().clamp_min(1)
    f1 = (2 * hits / (targets + predictions).clamp_min(1) * occurs).sum() / classes
    if not dense:
        return {"f1": f1}
    union = (targets + predictions - hits).clamp_min(1)
    return {"mean_iou": (hits / union * occurs).sum() / classes}


def _answers(table: torch.Tensor) -> dict[str, torch.Tensor]:
    """The share that the most frequent class has of the predictions, and of the targets."""
    total = table.sum().clamp_min(1)
    return {
        _ANSWERS + "predicted": table.sum(0).max() / total,
        _ANSWERS + "targets": table.sum(1).max() / total,
    }


def series_name(phase: str, name: str) -> str:
    """The name of the series of a number in a phase of the program."""
    if name.startswith(_ANSWERS):
        return f"{_ANSWERS}{phase}/{name.removeprefix(_ANSWERS)}"
    return f"metric/{phase}/{name}"


def plus(total: torch.Tensor | None, more: torch.Tensor) -> torch.Tensor:
    """A running sum, with some more."""
    return more if total is None else total + more


def of_scores(
    sums: Sums, prediction: torch.Tensor, target: torch.Tensor, ignored: int, rows: int
) -> torch.Tensor:
    """Add what scores of classes and the true ones tell. How many there were."""
    axis = 1 if prediction.dim() > 1 else 0
    if target.is_floating_point():  # shares of classes
        target = target.argmax(axis)
    guess, truth = prediction.argmax(axis).reshape(-1), target.reshape(-1)
    sums.sequence |= 0 < rows < truth.numel() and prediction.dim() < 4
    sums.dense |= prediction.dim() >= 4
    return of_labels(sums, guess, truth, (truth >= 0) & (truth != ignored), prediction.shape[axis])


def of_labels(
    sums: Sums, guess: torch.Tensor, truth: torch.Tensor, valid: torch.Tensor, classes: int
) -> torch.Tensor:
    """Add what chosen classes and the true ones tell. How many there were."""
    sums.right = plus(sums.right, ((guess == truth) & valid).sum().double())
    if classes <= _MOST_CLASSES and (sums.table is None or sums.table.shape[0] == classes):
        pairs = (truth.clamp_min(0) * classes + guess).long()
        table = torch.zeros(classes * classes, dtype=torch.float64, device=truth.device)
        sums.table = plus(sums.table, table.scatter_add_(0, pairs, valid.double()).reshape(classes, classes))
    return valid.sum().double()
