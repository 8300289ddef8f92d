"""A recurrent layer runs over the samples of the batch instead of over time.

## What it measures
The axes of what enters each LSTM, GRU or RNN, against the number of samples that the loss judges: which axis the layer takes for time and which for
the batch, by its ``batch_first``.

## Why it matters
The state that should carry one sequence through time carries one sample into the next instead: predictions depend on who else is in the batch, and the
steps of each sequence never meet.

## How to fix
``batch_first=True`` for inputs of shape (batch, time, features), ``batch_first=False`` (the default) for (time, batch, features); the last time step is then
``out[:, -1]`` or ``out[-1]``.

## Known false alarms
None known: only layers whose time axis is as long as the batch of the loss and whose batch axis has another length are reported, where the prediction has one
row for each sample. Sequences with a target at every step, single sequences and packed sequences are not concerned.

## Source
PyTorch documentation of ``nn.LSTM`` (``batch_first``); Tobin, "Troubleshooting deep neural networks": wrong tensor shapes are the most common bug.
"""

from ...evidence import Graph, Graphs, Node, Objective, Task
from ...rule import Finding, Kind, NotApplicable, Rule, Severity
from .._loss import prediction_info, target_info

rule = Rule(
    code="NW219",
    name="recurrence-over-the-batch",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E11", "T4"),
    explains=("NW217", "NW221", "NW406", "NW601"),
    remedies=("batch-first",),
)

_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


@rule.check
def check(graphs: Graphs, task: Task) -> list[Finding]:
    """Compare the axes of every recurrent layer with the samples of its loss."""
    judged: list[Finding | None] = []
    for objective in task.objectives:
        graph = graphs.train[objective.graph]
        samples = _samples(graph, objective)
        if samples is not None:
            judged.extend(_judge(node, samples) for node in graph.ops(*_RECURRENT))
    if not judged:
        raise NotApplicable("no recurrent layer before a loss with one row per sample")
    return [f for f in judged if f is not None][:1]


def _samples(graph: Graph, objective: Objective) -> int | None:
    """Rows of the prediction where the target has as many, several at least."""
    term = objective.term
    prediction, target = (
        (prediction_info(graph, term), target_info(graph, term)) if term is not None else (None, None)
    )
    if prediction is None or target is None or not prediction.shape or not target.shape:
        return None
    rows = prediction.shape[0]
    return rows if rows > 2 and rows == target.shape[0] and len(prediction.shape) <= 2 else None


def _judge(node: Node, samples: int) -> Finding | None:
    first = node.args[-1] if node.args else None
    shape = node.outputs[0].shape if node.outputs else ()
    if not isinstance(first, bool) or len(shape) != 3:
        return None  # packed, or one sequence without a batch
    batch, time = (0, 1) if first else (1, 0)
    if shape[time] != samples or shape[batch] == samples or shape[batch] < 2:
        return None
    return rule.found(
        f"{node.op} at {node.edit.at} takes the {samples} samples of the batch for time steps, and the {shape[batch]} other positions for the batch "
        f"(batch_first={first}, output of shape {shape})",
        where=node.edit.on(module=node.module),
        also=(node.where,),
        expected=f"a time axis of {shape[batch]} steps and a batch axis of {samples} samples",
        fix=f"set batch_first={not first} at {node.edit.at}, or transpose the first two dimensions of its input",
        samples=samples,
        shape=shape,
        batch_first=first,
    )
