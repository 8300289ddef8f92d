"""The same samples or random choices come again and again: at every step, or as copies within a batch.

## What it measures
How many of the first batches equal an earlier one bit for bit although the loader's data set has more to give and the loader
was started anew for them; whether torch is seeded with the same number again between successive steps that draw random numbers; and which share of the samples
of a batch equals another sample of the same batch.

## Why it matters
A loop that takes ``next(iter(loader))`` at each step trains on the first batch alone when the loader does not shuffle: the loss falls
and the rest of the data is never seen. A seed inside the loop repeats every random choice: the same rows are drawn, dropout removes the same units, noise is no
noise. A data set that returns the same item for every index does the same within a batch.

## How to fix
Loop over the loader (``for x, y in loader:``), or make the iterator once before the loop. Seed once, before the loop. In the data set, use the index that
``__getitem__`` gets.

## Known false alarms
Full-batch training, later epochs, and a single batch fetched once on purpose (overfitting one batch) are told apart by the number
of times the loader was started and are not reported. A step that draws nothing at random, or is seeded with another number each time, is left alone. Copies are judged for continuous inputs only, and not where the program repeats
samples itself.

## Source
Paszke et al., PyTorch documentation of ``torch.utils.data`` (``iter`` starts a new epoch).
"""

from ...evidence import (
    DROPOUTS,
    BatchOrder,
    DoorTensor,
    Event,
    Events,
    Graphs,
    LoaderInfo,
    Loaders,
    Node,
    TrainInputs,
    Where,
)
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW113",
    name="repeated-batches",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("E2",),
    explains=("NW107", "NW112"),
    remedies=("go-through-the-data",),
    thresholds={
        "batches": Threshold(
            value=4.0, unit="batches", source="fewer may repeat by chance of a tiny data set"
        ),
        "distinct": Threshold(value=0.5, unit="share of the batches an epoch has", source="half of them"),
        "copies": Threshold(
            value=0.75, unit="share of the samples", source="above oversampling of a rare class to one half"
        ),
        "batch-size": Threshold(value=8.0, unit="samples", source="smaller batches repeat by chance"),
    },
)

_DRAWS = DROPOUTS | frozenset(
    "rand randn randint rand_like randn_like "
    "randint_like randperm normal bernoulli multinomial poisson uniform exponential rrelu gumbel_softmax".split()
)
_REPEATS = frozenset(["repeat", "repeat_interleave", "expand", "tile", "broadcast_to", "expand_as"])


@rule.check
def check(
    order: BatchOrder, loaders: Loaders, events: Events, inputs: TrainInputs, graphs: Graphs
) -> Finding | None:
    """Look for repeated batches, then for copies in a batch."""
    if order.batches < rule["batches"]:
        raise NotApplicable(f"only {order.batches} batches were seen")
    loader = next((x for x in loaders.loaders if x.role == "train"), None)
    return (
        _batches(order, loader, events)
        or _seeded(order, events, graphs)
        or _copies(order, loader, inputs, graphs)
    )


def _seeded(order: BatchOrder, events: Events, graphs: Graphs) -> Finding | None:
    """The same seed before every step, and something drawn in the step."""
    seeds: list[Event | None] = []
    since: Event | None = None
    for event in events.of("seed", "backward"):
        if event.kind == "seed" and event.detail["library"] == "torch":
            since = event
        elif event.kind == "backward":
            seeds.append(since)
            since = None
    again = [e for e in seeds[1:] if e is not None and e.detail["value"] is not None]
    if len(again) < max(rule["batches"], len(seeds) - 1):
        return None
    where = again[-1].where
    drawn = _drawn(graphs, where)
    if drawn is None or len({(e.where, e.detail["value"]) for e in again}) > 1:
        return None
    batches = order.batches - order.repeated_batches
    same = f", and {order.batches} steps used {batches} different batch" if batches == 1 else ""
    return rule.found(
        f"torch is seeded with {again[-1].detail['value']} before each of {len(again)} steps: what {drawn.op} at {drawn.where.at} draws is "
        f"the same in all of them{same}",
        where=where,
        also=(drawn.where,),
        severity=Severity.ERROR if batches == 1 else Severity.WARNING,
        expected="other random numbers in every step",
        fix=f"move the seed at {where.at} before the loop",
        seeded=len(again),
        distinct=batches,
    )


def _drawn(graphs: Graphs, seed: Where) -> Node | None:
    """A random call of the step. To the first iteration belongs what ran before the loop, so there it must stand below the seed."""
    for graph in graphs.later:
        for node in graph.nodes:
            if node.op in _DRAWS and _at_random(node):
                return node
    for graph in graphs.train:
        for node in graph.nodes:
            same = (node.where.file, node.where.function) == (seed.file, seed.function)
            if node.op in _DRAWS and _at_random(node) and same and (node.where.line or 0) > (seed.line or 0):
                return node
    return None


def _at_random(node: Node) -> bool:
    """Whether a call draws here: dropout only in training."""
    return node.op not in DROPOUTS or (node.arg(2, "training", True) is True and node.arg(1, "p", 0.5) != 0)


def _batches(order: BatchOrder, loader: LoaderInfo | None, events: Events) -> Finding | None:
    if loader is None or not loader.dataset_length or not order.batch_size:
        return None
    expected = min(order.batches, -(-loader.dataset_length // order.batch_size))
    distinct = order.batches - order.repeated_batches
    starts = events.of("loader_start")
    restarts = len(starts)
    if expected < rule["batches"] or distinct > rule["distinct"] * expected or restarts <= order.batches / 2:
        return None
    return rule.found(
        f"{order.batches} steps used {distinct} different {'batch' if distinct == 1 else 'batches'} of {order.batch_size} samples, "
        f"while the data set has {loader.dataset_length}: the loader is started anew {restarts} times",
        where=starts[-1].where if starts[-1].where.known else loader.where,
        also=(loader.where,),
        expected=f"{expected} different batches in {order.batches} steps",
        fix="loop over the loader (for x, y in loader:) instead of next(iter(loader)) at each step",
        batches=order.batches,
        distinct=distinct,
        restarts=restarts,
        dataset_length=loader.dataset_length,
    )


def _copies(
    order: BatchOrder, loader: LoaderInfo | None, inputs: TrainInputs, graphs: Graphs
) -> Finding | None:
    main = next((t for t in inputs.tensors if t.floating), None)
    if main is None or not _continuous(main) or (order.batch_size or 0) < rule["batch-size"]:
        return None
    if (
        len(main.shape) < 2
    ):  # single numbers are equal soon: those of one sample, where the network gets one after the other
        return None
    if order.duplicates <= rule["copies"] or any(g.ops(*_REPEATS) for g in graphs.train):
        return None
    where = loader.where if loader is not None and loader.where.known else order.where
    return rule.found(
        f"{order.duplicates:.0%} of the samples equal another one of their batch of {order.batch_size}",
        where=where,
        expected="different samples in a batch",
        fix="check that the data set uses the index it is asked for, and that the arrays are indexed, not repeated",
        duplicates=order.duplicates,
        distinct_samples=order.distinct_samples,
    )


def _continuous(tensor: DoorTensor) -> bool:
    s = tensor.stats
    return not s.integers and (s.distinct is None or s.distinct >= 8)
