"""A few inputs as the network got them, to be drawn in the report."""

import torch

from ..inference import read_objective
from ..report.model import Sample
from .measure import has_values, sample_of
from .session import Session

_COUNT = 8
_LARGEST = 3 * 96 * 96


def samples(session: Session) -> tuple[Sample, ...]:
    """The first samples of the first training batch with their targets."""
    for capture in session.recording.captures:
        doors = [(n, t) for node, n in capture.doors.items() if (t := capture.data.get(node)) is not None]
        doors = [(n, t) for n, t in doors if t.dim() >= 2 and not t.is_complex() and has_values(t)]
        if not doors:
            continue
        name, tensor = max(doors, key=lambda d: d[1].numel())
        term = read_objective(capture.graph, 0).term
        target = capture.data.get(term.target) if term is not None and term.target is not None else None
        return tuple(_sample(name, tensor, target, i) for i in range(min(_COUNT, tensor.shape[0])))
    return ()


def _sample(name: str, tensor: torch.Tensor, target: torch.Tensor | None, index: int) -> Sample:
    row = tensor[index].detach().cpu()
    if row.numel() > _LARGEST:
        row = _smaller(row)
    text = ""
    if target is not None and target.dim() >= 1 and target.shape[0] == tensor.shape[0]:
        values = sample_of(target[index].cpu(), 6).tolist() if target[index].numel() <= 6 else []
        text = ", ".join(f"{v:.4g}" for v in values)
    return Sample(
        name=name,
        shape=tuple(row.shape),
        values=tuple(row.double().nan_to_num().reshape(-1).tolist()),
        target=text,
    )


def _smaller(row: torch.Tensor) -> torch.Tensor:
    if row.dim() in (2, 3):
        step = max(1, -(-max(row.shape[-2:]) // 96))
        row = row[..., ::step, ::step]
    return row if row.numel() <= _LARGEST else row.reshape(-1)[:4096]
