"""The page docs/coverage.md: each point of the guides, where it lives, and what is missing. Checked by hand, rules filled in."""

import inspect
from collections.abc import Iterator

from netwright.registry import all_rules

# ID: (the point in a few words, implementations that are not rules, what is missing; "" when it is all there)
POINTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "H1": (
        "Normalize every input and output feature",
        ("netwright.evidence.TrainInputs", "netwright.report.svg.ranges"),
        "the transform is proposed in words, not applied or proven; cyclic groupings",
    ),
    "H2": (
        "A falling error is not success: look at results, give the error a meaning",
        ("netwright.report.samples.draw",),
        "inputs and targets are drawn; skill against trivial baselines and predictions beside targets are not there",
    ),
    "H3": (
        "Similar things should have similar numbers",
        ("netwright.evidence.DoorTensor", "netwright.evidence.FeatureFit", "netwright.evidence.TokenShare"),
        "smoothness is measured for image layout only; the forms proposed are not tried on the network",
    ),
    "H4": ("Regularize", (), "whether one is missing is not judged"),
    "H5": (
        "Batches too large hurt",
        ("netwright.experiments.noise_scale", "netwright.evidence.NoiseScale"),
        "no trial at a smaller batch; image resolution",
    ),
    "H6": (
        "Find the largest learning rate that does not blow up",
        (
            "netwright.experiments.range_test",
            "netwright.experiments.noise_scale",
            "netwright.evidence.OutlyingSample",
        ),
        "samples with outlying gradients are named, no rule judges them",
    ),
    "H7": ("Wrong activation on the last layer", (), "the removal is not proven by a trial"),
    "H8": (
        "Bad gradients: dead units, operations without gradient",
        ("netwright.evidence.Signals", "netwright.experiments.signal_propagation"),
        "the replacement is not proven by a trial",
    ),
    "H9": (
        "Initialize properly",
        ("netwright.evidence.Signals", "netwright.experiments.signal_propagation"),
        "re-initialization is not tried",
    ),
    "H10": (
        "Too deep",
        ("netwright.experiments.ladder",),
        "layers inside of one recurrent call (num_layers) and blocks that hand on several values",
    ),
    "H11": (
        "Too few or too many hidden units",
        ("netwright.experiments.ladder",),
        "wider networks are not tried; residual streams keep their width; effective rank",
    ),
    "T0": (
        "Four kinds of cause",
        ("netwright.rule.Kind", "netwright.diagnosis.causes.diagnose", "netwright.report.words.headline"),
        "whether data are too few is tried on request (learning curve); noisy labels, train and test from different distributions",
    ),
    "T1": ("Start simple", (), "netwright baseline"),
    "T2": ("Defaults", (), "departures from them are not listed"),
    "T3": ("Simplify the problem", (), "netwright simplify"),
    "T4": (
        "The five most common bugs",
        ("netwright.experiments.independence",),
        "",
    ),
    "T5": (
        "Few lines, tested components",
        (),
        "attention written out by hand is not named",
    ),
    "T6": (
        "Get it to run",
        ("netwright.crash.describe", "netwright.experiments.step_time"),
        "the largest batch was measured on processors only, not on an accelerator",
    ),
    "T7": (
        "Overfit one batch",
        ("netwright.experiments.overfit_batch",),
        "causes are ranked by evidence and not tried out",
    ),
    "T8": ("Compare with a known result", (), "netwright compare"),
    "T9": (
        "Decompose the test error",
        ("netwright.evidence.Splits",),
        "leaks and differences between the sets are found; the decomposition itself is not there",
    ),
    "T10": ("An ordered plan from the decomposition", (), "all of it"),
    "T11": ("Tune hyper-parameters", (), "netwright tune"),
    "T12": ("Know the target", (), "all of it"),
    "S1": (
        "Add one thing at a time",
        ("netwright.experiments.ladder",),
        "blocks and hidden units are added, not normalization, dropout or residual paths one by one",
    ),
    "S2": (
        "Train on one or two points",
        ("netwright.experiments.overfit_batch",),
        "validation on these points",
    ),
    "S3": (
        "Confirm the loss",
        ("netwright.inference.read_objective", "netwright.experiments.initial_loss"),
        "losses that are not recognised",
    ),
    "S4": (
        "Check intermediate outputs and connections",
        (
            "netwright.report.svg.line_chart",
            "netwright.report.graph_table.tabulate",
            "netwright.experiments.independence",
            "netwright.experiments.repeat_step",
            "netwright.experiments.signal_propagation",
            "netwright.experiments.gradient_check",
        ),
        "saliency",
    ),
    "S5": (
        "Diagnose parameters",
        (
            "netwright.experiments.range_test",
            "netwright.experiments.weight_decay",
            "netwright.experiments.noise_scale",
        ),
        "whether a warm-up or a decay of the rate is wanted",
    ),
    "S6": (
        "Track the work",
        (
            "netwright.runs.record.Record",
            "netwright.runs.compare.differences",
            "netwright.runs.repeat.again",
            "netwright.runs.export.export",
            "netwright.experiments.repeat_run",
        ),
        "checkpoints of the model are not kept; data are known by the first batch and the loaders",
    ),
    "E1": (
        "Log and plot",
        ("netwright.runs.record.Record", "netwright.runs.words.sparkline"),
        "curves in the report's page",
    ),
    "E2": (
        "Check operations' inputs and outputs, and that data and labels match",
        (
            "netwright.report.graph_table.tabulate",
            "netwright.report.samples.draw",
            "netwright.experiments.simple_models",
        ),
        "dense tasks and language models are not tested for a relation of labels to inputs",
    ),
    "E3": (
        "Augment",
        ("netwright.evidence.Views", "netwright.evidence.EvaluationItems"),
        "whether augmentation would help is not tried; what a dataset does to its items is not seen",
    ),
    "E4": ("Initialize and normalize every layer", (), "the batch-norm remedy"),
    "E5": (
        "Regularization must not overwhelm the loss",
        ("netwright.experiments.initial_loss",),
        "strengths of weight decay inside the optimizer",
    ),
    "E6": (
        "Overfit a small subset",
        ("netwright.experiments.overfit_batch",),
        "augmentation stays as it was in the captured batches",
    ),
    "E7": (
        "Find the rate while doing so",
        ("netwright.experiments.range_test",),
        "rates that the program sets by hand are judged by those of the first steps",
    ),
    "E8": (
        "Gradient check",
        ("netwright.experiments.gradient_check",),
        "element by element",
    ),
    "E9": ("Loss does not improve: one decision path", (), "the path as a whole"),
    "E10": (
        "Variables not training",
        ("netwright.evidence.Parameters", "netwright.experiments.signal_propagation"),
        "over the course of training",
    ),
    "E11": ("Vanishing and exploding", ("netwright.experiments.signal_propagation",), "remedies and proofs"),
    "E12": ("Overfitting", (), "all of it"),
    "E13": (
        "What else",
        ("netwright.experiments.seeds", "netwright.experiments.learning_curve"),
        "remedies, ensembles",
    ),
    "B1": ("Unmodified programs", ("netwright.launch.run", "netwright.doctor.run"), ""),
    "B2": (
        "Causes proven by counterfactual training",
        ("netwright.trial.search", "netwright.surgery.operation.operate"),
        "only where a remedy is an edit of the source; no standard list where nothing is nominated",
    ),
    "B3": (
        "A patch for the user's source",
        ("netwright.remedies.all_remedies", "netwright.surgery.files.diff"),
        "remedies for a part of the rules",
    ),
    "B4": (
        "Watching costs a bounded share of the run",
        ("netwright.report.model.Report",),
        "seconds spent are measured and shown; later steps are not watched",
    ),
    "B5": ("Training is bit-identical", ("netwright.capture.sandbox",), ""),
    "B6": ("Several processes", (), "all of it"),
    "B7": ("Trials on a cluster", (), "all of it"),
    "B8": (
        "PyTorch, Lightning, Hugging Face, Keras",
        ("netwright.capture.session.Session",),
        "PyTorch programs, whatever library writes their loop; no callbacks, no Keras",
    ),
    "B9": (
        "In CI",
        ("netwright.report.deliver.exit_code",),
        "exit codes and JSON; no pytest plugin, SARIF, JUnit",
    ),
    "B10": (
        "Readable by programs and agents",
        ("netwright.report.json.to_json", "netwright.report.json.schema"),
        "MCP",
    ),
}
GUIDES = {
    "H": 'Daniel Holden, "My neural network isn\'t working! What should I do?"',
    "T": 'Josh Tobin, "Troubleshooting deep neural networks"',
    "S": 'Cecelia Shao, "Checklist for debugging neural networks"',
    "E": 'Zeyad Emam, "Troubleshooting convolutional neural networks"',
    "B": "Beyond the guides",
}


def coverage_page() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    rules = _rules_by_guide()
    yield "# Coverage"
    yield ""
    yield "Where each point of the four guides lives in netwright, and what is still missing. *yes* means end to end; a name is importable"
    yield "(a test imports every one). Rules say which points they serve; the rest of this page is written by hand in `tools/coverage_table.py`."
    for letter, title in GUIDES.items():
        yield ""
        yield f"## {letter}: {title}"
        yield ""
        yield "| ID | point | state | lives in | missing |"
        yield "| --- | --- | --- | --- | --- |"
        for key, (point, places, missing) in POINTS.items():
            if key[0] == letter:
                names = [*rules.get(key, []), *(f"`{p}`" for p in places)]
                state = "not yet" if not names else "partly" if missing else "yes"
                yield f"| {key} | {point} | {state} | {', '.join(names) or '–'} | {missing or '–'} |"
    yield ""


def _rules_by_guide() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rule in all_rules():
        module = inspect.getmodule(rule.function)
        name = f"[{rule.code}](rules/{rule.code}.md) `{module.__name__ if module else ''}`"
        for guide in rule.guides:
            found.setdefault(guide, []).append(name)
    return found
