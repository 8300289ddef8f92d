"""The network is too deep to train, or deeper than it gains from.

## What it measures
Copies of the network with fewer of the blocks that repeat in it (none, one, two, four, ...), each trained as many steps as the full one, on the same batches, with the program's own optimizer
and judged by its own loss, from two or three initializations of the same scale: which depth learns, and which does not.

## Why it matters
Through many plain layers the signal and its gradient shrink or grow by a factor at each, and beyond some depth nothing is learned any more, whatever the patience. Depth that
gains nothing costs time and memory and makes every other fault harder to find.

## How to fix
Begin with three to eight layers and add more while it helps. Beyond about twenty, give every block a way around it (`x + block(x)`) and a normalization layer.

## Known false alarms
A network that takes long to begin is given three times the steps before it is reported. Programs with a schedule or a warm-up, with loaded weights, and networks whose loss grows
at full depth (the rate comes first) are not judged. That a smaller network does as well (severity info) is said of a few dozen steps: more depth can still pay off over a whole training.

## Source
Holden, "My neural network isn't working!", "You are using a network that is too deep"; Shao, "Checklist for debugging neural networks": start simple; He et al., "Deep residual learning" (2016), section 1:
beyond a depth a plain network does worse on the training data, too.
"""

from ...evidence import Ladder, Rung
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW208",
    name="too-deep",
    severity=Severity.WARNING,
    kind=Kind.HYPERPARAMETER,
    guides=("H10", "S1"),
    remedies=("fewer-blocks",),
    explains=("NW216", "NW406", "NW601", "NW605", "NW610", "NW701"),
    thresholds={
        "fallen": Threshold(
            value=0.8, unit="of the first loss", source="in every run: a depth that clearly learns"
        ),
        "stands": Threshold(
            value=0.9, unit="of the first loss", source="in every run: a depth that does not"
        ),
        "grows": Threshold(
            value=1.5, unit="times the first loss", source="as NW501: then the rate is what comes first"
        ),
        "runs": Threshold(value=2, unit="initializations", source="one that fails can be bad luck"),
    },
)


@rule.check
def check(ladder: Ladder) -> Finding | None:
    """Look for a depth that learns nothing while a smaller one learns, and for depth without gain."""
    if not ladder.depth:
        raise NotApplicable(ladder.no_depth)
    if not ladder.constant:
        raise NotApplicable("the learning rate changes by a schedule")
    full = ladder.depth[-1]
    if any(v is None or v > rule["grows"] for v in full.left):
        raise NotApplicable("the loss grows at full depth: a matter of the learning rate first")
    if len(full.last) < rule["runs"]:
        raise NotApplicable("there was time for one run of each depth only")
    found = ladder.breaks(rule["fallen"], rule["stands"])
    if found is not None:
        if ladder.longer is None or ladder.longer < rule["stands"]:
            raise NotApplicable("given more steps the full depth begins to learn")
        return _breaks(ladder, *found)
    return _gains_nothing(ladder, full)


def _breaks(ladder: Ladder, learns: Rung, fails: Rung) -> Finding:
    full = ladder.depth[-1]
    block = max(ladder.stacks, key=lambda s: s.blocks).block
    return rule.found(
        f"with {learns.blocks} blocks ({block}) the loss falls to {learns.middle:.2f} of the first one in {ladder.steps} steps, with {fails.blocks} it stays at "
        f"{fails.middle:.2f}; all {full.of} are at {ladder.longer:.2f} after {ladder.longer_steps} ({len(full.last)} initializations each, {ladder.optimizer})",
        where=ladder.where,
        expected="a loss that falls at full depth as it does with fewer blocks",
        fix=f"begin with {max(1, learns.blocks)} blocks; for more, let each be x + block(x), with a normalization layer in it",
        learns=learns.blocks,
        fails=fails.blocks,
        blocks=full.of,
        left=[list(r.left) for r in ladder.depth],
        longer=ladder.longer,
        runs=len(full.last),
        steps=ladder.steps,
    )


def _gains_nothing(ladder: Ladder, full: Rung) -> Finding | None:
    enough = [r for r in ladder.depth[:-1] if 2 * r.blocks <= full.of and r.no_worse_than(full)]
    if not enough or not full.falls_to(rule["fallen"]):
        return None
    least = enough[0]
    return rule.found(
        f"with {least.blocks} of {full.of} blocks ({least.parameters:,} parameters instead of {full.parameters:,}) the loss falls as far in {ladder.steps} steps: to {least.middle:.2f} "
        f"of the first one, and to {full.middle:.2f} with all",
        where=ladder.where,
        severity=Severity.INFO,
        expected="depth that lowers the loss",
        fix="begin with the smaller network, and add blocks while they help",
        blocks=least.blocks,
        full=full.of,
        loss=least.loss,
        full_loss=full.loss,
        runs=len(full.last),
        steps=ladder.steps,
    )
