"""The labels say nothing about the inputs: they may belong to other samples.

## What it measures
Simple models (ridge regression, also on products of columns, k nearest neighbours, gradient boosting) on the samples of the captured batches, cross-validated, against the same models with permuted
targets: the permutation p-value. It is looked at only where the samples are enough to tell, measured by planting: targets with the same values, to a tenth explained by a
random direction of the inputs, have to be found eight times in ten. Then the network itself is trained from its start on real, permuted and planted targets: it must learn the planted ones
better, and the real ones no better than the permuted ones.

## Why it matters
If inputs were shuffled and labels were not (or both, but differently), or files and labels were listed in different orders, there is nothing to learn. The network still learns the training set by heart, so
the training loss falls; only the test fails.

## How to fix
Look at ten samples beside their labels. Shuffle both with the same permutation, sort file names before they meet the labels, keep inputs and labels in one ``TensorDataset``.

## Known false alarms
Signals weaker than a tenth of the variance (returns of shares), and relations that neither a simple model nor this network can find in the samples seen (parity, modular arithmetic).
Inputs that are a few symbols, whose combination may be all that matters, are not judged; nor are targets made by a network, contrastive and generative losses.

## Source
Emam, "Troubleshooting convolutional neural networks": check that data and labels match after preprocessing. Ojala and Garriga, "Permutation tests for studying
classifier performance" (2010); Zhang et al., "Understanding deep learning requires rethinking generalization" (2017): random labels are fitted more slowly.
"""

from ...evidence import NetworkRace, SimpleModels
from ...rule import Finding, Kind, NotApplicable, Rule, Severity, Threshold

rule = Rule(
    code="NW109",
    name="labels-unrelated-to-inputs",
    severity=Severity.WARNING,
    kind=Kind.BUG,
    guides=("E2", "T0"),
    explains=("NW122", "NW601", "NW605", "NW701", "NW707"),
    remedies=("one-permutation",),
    thresholds={
        "p": Threshold(
            value=0.02,
            unit="permutation p-value",
            source="three or four models are tried: all together miss a chance hit in 92 to 94 % of cases",
        ),
        "power": Threshold(
            value=0.8, unit="share of planted signals found", source="the usual power of a test (Cohen 1988)"
        ),
        "samples": Threshold(
            value=100,
            unit="distinct samples",
            source="a correlation of 0.32 (a tenth of the variance) is seen from 100 samples at p = 0.001",
        ),
        "per-class": Threshold(
            value=10,
            unit="samples of each class on average",
            source="fewer leave one or two to fit a class on",
        ),
    },
)


@rule.check
def check(found: SimpleModels) -> Finding | None:
    """Compare real with permuted targets, for the simple models and for the network."""
    tested = [s for s in found.scores if s.p_value is not None]
    if not tested:
        raise NotApplicable("no simple model was tried on permuted targets")
    best = min(tested, key=lambda s: s.p_value or 0.0)
    if (best.p_value or 0.0) <= rule["p"]:
        return None
    if found.samples < rule["samples"] or (found.classes or 0) * rule["per-class"] > found.samples:
        raise NotApplicable(f"{found.samples} samples are too few to tell")
    if found.power is None:
        raise NotApplicable("inputs of a few symbols: only their combination may matter")
    if found.power < rule["power"]:
        raise NotApplicable(
            f"only {found.power:.0%} of {found.plants} planted signals were found with {found.samples} samples, so a missing relation says little"
        )
    race = found.race
    if race is None:
        raise NotApplicable(f"the network could not be asked: {found.no_race}")
    if not _able(race):
        raise NotApplicable("in so few steps the network learns planted targets no better than permuted ones")
    if _faster(race):
        return None
    mean = sum(race.permuted_fit) / len(race.permuted_fit)
    return rule.found(
        f"nothing relates the targets to the inputs: on {found.samples} samples no simple model explains them better than permuted targets (lowest p = {best.p_value:.2f}, "
        f"{best.model}), where {found.power:.0%} of {found.plants} planted signals of {found.strength:.0%} of the variance were found; in {race.steps} steps the network's mean loss is "
        f"{race.real_fit:.3g} on the real targets and {mean:.3g} on permuted ones",
        where=found.targets_at if found.targets_at.known else found.loss_at,
        also=(found.loss_at,) if found.loss_at != found.targets_at else (),
        expected="targets that some model explains better than permuted ones",
        fix="look at a few samples beside their targets; keep both in the same order (one permutation for both, sorted file names, one dataset that holds both)",
        samples=found.samples,
        p_values={s.model: s.p_value for s in tested},
        scores={s.model: s.score for s in found.scores},
        power=found.power,
        real_fit=race.real_fit,
        permuted_fit=race.permuted_fit,
        planted_fit=race.planted_fit,
    )


def _able(race: NetworkRace) -> bool:
    """The network learns planted targets better than any permuted ones, by more than these differ from each other."""
    fit = _below(race.planted_fit, race.permuted_fit)
    held = race.planted_held is not None and _below(race.planted_held, race.permuted_held)
    return fit or held


def _below(value: float, permuted: tuple[float, ...]) -> bool:
    return bool(permuted) and value < min(permuted) - (max(permuted) - min(permuted))


def _faster(race: NetworkRace) -> bool:
    """In doubt yes: clearly below all permuted ones in training or on batches not trained on, or a little in both."""
    if _below(race.real_fit, race.permuted_fit):
        return True
    if race.real_held is None or not race.permuted_held:
        return race.real_fit < min(race.permuted_fit)
    held = race.real_held < min(race.permuted_held)
    return _below(race.real_held, race.permuted_held) or (held and race.real_fit < min(race.permuted_fit))
