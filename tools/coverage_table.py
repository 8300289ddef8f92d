"""The page docs/coverage.md: each point of the guides, where it lives, and what is missing. Checked by hand, rules filled in."""

import inspect
from collections.abc import Iterator

from netwright.registry import all_rules

# ID: (the point in a few words, implementations that are not rules, what is missing; "" when it is all there)
POINTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "H1": (
        "Normalize every input and output feature",
        (
            "netwright.evidence.TrainInputs",
            "netwright.report.svg.ranges",
            "netwright.remedies.data.scale_inputs",
            "netwright.remedies.data.scale_outputs",
        ),
        "the columns of a table are scaled one by one (up to 64) and everything else as a whole, never by a chosen group; a target of several numbers is measured and scaled as a whole",
    ),
    "H2": (
        "A falling error is not success: look at results, give the error a meaning",
        (
            "netwright.report.samples.draw",
            "netwright.monitor.scores.add_call",
            "netwright.experiments.simple_models",
            "netwright.evidence.Floor",
            "netwright.surgery.floor.held_against",
        ),
        "predictions are not drawn beside inputs and targets, neither of training nor of validation; simple models and the majority, the mean or the last value are compared with the network only by `fix` "
        "where nothing else is found, or on request; nothing is said of a loss that has fallen far and is still worse than the mean",
    ),
    "H3": (
        "Similar things should have similar numbers",
        ("netwright.evidence.DoorTensor", "netwright.evidence.FeatureFit", "netwright.evidence.TokenShare"),
        "columns of tables alone are looked at, and no remedy brings one into the form proposed, so none is proven; smoothness is judged for the layout of images only; how continuous the task is "
        "(nearest neighbours among the simple models) is not told by itself; frames that repeat are not found",
    ),
    "H4": (
        "Regularize",
        (
            "netwright.experiments.weight_decay",
            "netwright.remedies.model.weaker_dropout",
            "netwright.remedies.usual.add_dropout",
            "netwright.remedies.usual.add_decay",
            "netwright.remedies.usual.noisy_inputs",
        ),
        "the gap between training and validation is not measured: regularizers are tried among the standard remedies of a sick program, not because of it; those present or absent are not listed",
    ),
    "H5": (
        "Batches too large hurt",
        (
            "netwright.experiments.noise_scale",
            "netwright.evidence.NoiseScale",
            "netwright.remedies.usual.smaller_batches",
        ),
        "a batch far above the noise scale is information and starts no trial: smaller batches are tried among the standard remedies of a sick program; image resolution",
    ),
    "H6": (
        "Find the largest learning rate that does not blow up",
        (
            "netwright.experiments.range_test",
            "netwright.experiments.noise_scale",
            "netwright.evidence.OutlyingSample",
            "netwright.remedies.optimization.learning_rate",
            "netwright.remedies.gradients.raise_clip_limit",
        ),
        "how often clipping is active is recorded, but said only where it is always so and holds back SGD; samples with outlying gradients are named in the report, no rule judges them",
    ),
    "H7": (
        "Wrong activation on the last layer",
        (
            "netwright.rules.loss.softmax_before_cross_entropy",
            "netwright.rules.loss.sigmoid_before_bce_with_logits",
            "netwright.rules.loss.wrong_input_to_log_loss",
            "netwright.rules.gradients.zero_gradient_operation",
            "netwright.remedies.loss.remove_last_activation",
            "netwright.remedies.loss.sigmoid_for_one_output",
            "netwright.remedies.gradients.smooth_operation",
        ),
        "",
    ),
    "H8": (
        "Bad gradients: dead units, operations without gradient",
        (
            "netwright.evidence.Signals",
            "netwright.experiments.signal_propagation",
            "netwright.remedies.gradients.smooth_operation",
            "netwright.remedies.model.leaky_activation",
            "netwright.remedies.model.exchange_activation",
        ),
        "where units are dead from the start the initialization is taken back and no leaky ReLU is tried, unless the gradient vanishes or the output ignores the input; ELU is never tried",
    ),
    "H9": (
        "Initialize properly",
        (
            "netwright.evidence.Signals",
            "netwright.experiments.signal_propagation",
            "netwright.remedies.model.default_initialization",
            "netwright.remedies.usual.initialization",
        ),
        "weights that are drawn in the call that makes the parameter are found, but `fix` does not draw them otherwise; what gates and scales of normalizations should begin with is not judged",
    ),
    "H10": (
        "Too deep",
        ("netwright.experiments.ladder", "netwright.remedies.model.fewer_blocks"),
        "layers inside of one recurrent call (num_layers) and blocks that hand on several values",
    ),
    "H11": (
        "Too few or too many hidden units",
        (
            "netwright.experiments.ladder",
            "netwright.remedies.model.wider_layer",
            "netwright.remedies.model.wider_hidden_layers",
        ),
        "the ladder goes down only: wider layers are tried by `fix` alone (a bottleneck, or four times the units of linear layers); residual streams keep their width; the effective rank is recorded on "
        "request (`--watch-rank`) and not drawn",
    ),
    "T0": (
        "Four kinds of cause",
        ("netwright.rule.Kind", "netwright.diagnosis.causes.diagnose", "netwright.report.words.headline"),
        "the first sentence on a crash does not name its kind",
    ),
    "T1": (
        "Start simple",
        (),
        "netwright baseline: no LeNet, LSTM or fully connected network is built for the data and compared (models of scikit-learn are: H2)",
    ),
    "T2": (
        "Defaults",
        (),
        "no baseline uses them (T1), and departures from them are not listed; some are tried as standard remedies of a sick program",
    ),
    "T3": (
        "Simplify the problem",
        (),
        "netwright simplify: fewer samples or classes, smaller images, synthetic data with a known answer",
    ),
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
        (
            "netwright.crash.describe",
            "netwright.experiments.largest_batch",
            "netwright.experiments.step_time",
            "netwright.remedies.model.layer_size",
            "netwright.remedies.data.convert_input",
            "netwright.remedies.data.smaller_batches",
        ),
        "the largest batch was measured on processors only, not on an accelerator",
    ),
    "T7": (
        "Overfit one batch",
        (
            "netwright.experiments.overfit_batch",
            "netwright.experiments.curves.outcome",
            "netwright.rules._causes.causes",
            "netwright.remedies.model.wider_hidden_layers",
        ),
        "",
    ),
    "T8": (
        "Compare with a known result",
        ("netwright.runs.compare.parting", "netwright.experiments.repeat_run"),
        "two recorded runs are compared, to the first step at which their losses part; not two models on the same batch, nor to the first layer at which they part",
    ),
    "T9": (
        "Decompose the test error",
        ("netwright.evidence.Splits",),
        "leaks and differences between the sets are found; the decomposition itself is not there",
    ),
    "T10": (
        "An ordered plan from the decomposition",
        ("netwright.experiments.learning_curve", "netwright.trial.search"),
        "what twice the data would give is measured on request, and what remedies give in trials; there is no decomposition (T9) and no plan from it, no slices where errors concentrate, no domain adaptation",
    ),
    "T11": (
        "Tune hyper-parameters",
        (),
        "netwright tune; only learning rates are swept (E7)",
    ),
    "T12": ("Know the target", (), "all of it: neither a metric nor a target is taken"),
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
            "netwright.report.course.courses",
            "netwright.monitor.watcher.Watcher",
            "netwright.experiments.independence",
            "netwright.experiments.repeat_step",
            "netwright.experiments.signal_propagation",
            "netwright.experiments.gradient_check",
        ),
        "no pictures of filters, activations and gradients (saliency, class activation maps); outputs of layers over the run are recorded and judged, not drawn, and not read where something is compiled",
    ),
    "S5": (
        "Diagnose parameters",
        (
            "netwright.experiments.range_test",
            "netwright.experiments.weight_decay",
            "netwright.experiments.noise_scale",
            "netwright.remedies.standard.standard",
            "netwright.remedies.usual.warm_up",
            "netwright.remedies.usual.cosine_decay",
            "netwright.remedies.usual.sgd_with_momentum",
            "netwright.remedies.usual.normalization",
            "netwright.remedies.usual.remove_dropout",
        ),
        "clipping by value is recorded and not judged; the order of dropout and batch normalization; whether a schedule or another kind of optimizer is wanted is tried in a sick program only",
    ),
    "S6": (
        "Track the work",
        (
            "netwright.runs.record.Record",
            "netwright.runs.compare.differences",
            "netwright.runs.since.since_commit",
            "netwright.runs.data.known",
            "netwright.runs.final.Final",
            "netwright.runs.repeat.again",
            "netwright.runs.export.export",
            "netwright.experiments.repeat_run",
        ),
        "data that come neither from a file that Python opens nor from a DataLoader are known by the first batch alone; checkpoints of the model are not kept",
    ),
    "E1": (
        "Log and plot",
        (
            "netwright.runs.record.Record",
            "netwright.runs.curve_words.sparkline",
            "netwright.report.course.courses",
            "netwright.report.curves.curves",
            "netwright.report.graph_table.tabulate",
            "netwright.monitor.scores.add_call",
            "netwright.monitor.by_hand.ByHand",
        ),
        "metrics are read off the calls of torch's losses, and off losses and comparisons that are written by hand in torch: none of detection, ranking or generation, none that is worked out in numpy, and none in runs too short for a sample; the graph is a table and not drawn",
    ),
    "E2": (
        "Check operations' inputs and outputs, and that data and labels match",
        (
            "netwright.report.graph_table.tabulate",
            "netwright.report.samples.draw",
            "netwright.experiments.simple_models",
            "netwright.remedies.data.one_permutation",
        ),
        "dense tasks and language models are not tested for a relation of labels to inputs",
    ),
    "E3": (
        "Augment",
        (
            "netwright.evidence.Views",
            "netwright.evidence.EvaluationItems",
            "netwright.remedies.data.remove_augmentation",
            "netwright.remedies.usual.mirrored_images",
            "netwright.remedies.usual.noisy_inputs",
        ),
        "mirrored and moved images and noise are tried among the standard remedies of a sick program only; no rotation, scaling or elastic deformation; samples are drawn as the network gets them, not beside "
        "what they were; what a dataset or a loader's workers do to their items is not seen",
    ),
    "E4": (
        "Initialize and normalize every layer",
        (
            "netwright.remedies.model.default_initialization",
            "netwright.remedies.usual.initialization",
            "netwright.remedies.usual.normalization",
        ),
        "normalization is tried among the standard remedies, not because of what is found of the initialization; what is missing of H9",
    ),
    "E5": (
        "Regularization must not overwhelm the loss",
        (
            "netwright.experiments.initial_loss",
            "netwright.experiments.weight_decay",
            "netwright.remedies.loss.weaker_penalty",
            "netwright.remedies.optimization.weaker_decay",
        ),
        "penalties in the loss are swept; weight decay inside the optimizer is only compared with none, dropout only by `fix`",
    ),
    "E6": (
        "Overfit a small subset",
        ("netwright.experiments.overfit_batch",),
        "dropout and weight decay are off; penalties in the loss stay on, and augmentation stays as it was drawn in the captured batches",
    ),
    "E7": (
        "Find the rate while doing so",
        ("netwright.experiments.range_test", "netwright.remedies.optimization.learning_rate"),
        "",
    ),
    "E8": (
        "Gradient check",
        ("netwright.experiments.gradient_check", "netwright.remedies.gradients.backward_of_autograd"),
        "the step as a whole is checked, along random directions; each custom function by itself is not, and of several the first is named",
    ),
    "E9": (
        "Loss does not improve: one decision path",
        ("netwright.diagnosis.measurement.next_measurement",),
        "each branch has its rules, and the report names the next measurement; the path as a whole, with the evidence at each branch, is not shown",
    ),
    "E10": (
        "Variables not training",
        (
            "netwright.evidence.Parameters",
            "netwright.experiments.signal_propagation",
            "netwright.monitor.parameters",
            "netwright.remedies.gradients.optimize_all_parameters",
            "netwright.remedies.gradients.keep_graph",
        ),
        "what does not train is named with its reason, at the start and in the course of the run; a list of all parameters with their state is not shown",
    ),
    "E11": (
        "Vanishing and exploding",
        (
            "netwright.experiments.signal_propagation",
            "netwright.remedies.model.exchange_activation",
            "netwright.remedies.model.default_initialization",
            "netwright.remedies.gradients.clip_gradients",
            "netwright.remedies.usual.initialization",
            "netwright.remedies.usual.lstm",
        ),
        "maxout; an LSTM and an initialization made for the activation are tried among the standard remedies, not because of the finding",
    ),
    "E12": (
        "Overfitting",
        (
            "netwright.remedies.usual.mirrored_images",
            "netwright.remedies.usual.add_dropout",
            "netwright.remedies.usual.add_decay",
            "netwright.remedies.usual.normalization",
            "netwright.remedies.usual.best_epoch",
        ),
        "that a network overfits is not found, nor is an early stop advised; the remedies are tried among the standard ones of a sick program, in another order, without a smaller network",
    ),
    "E13": (
        "What else",
        (
            "netwright.experiments.seeds",
            "netwright.experiments.learning_curve",
            "netwright.remedies.loss.weigh_classes",
            "netwright.remedies.loss.inverse_class_weights",
        ),
        "a weighted loss is tried by `fix`, and judged by accuracy where the program computes nothing else, which it lowers where one class is most of the data; ensembles of seeds or snapshots; strided convolutions in place of pooling; an exhaustive search",
    ),
    "B1": ("Unmodified programs", ("netwright.launch.run", "netwright.doctor.run"), ""),
    "B2": (
        "Causes proven by counterfactual training",
        (
            "netwright.trial.search",
            "netwright.trial.proving.proven",
            "netwright.surgery.operation.operate",
            "netwright.remedies.standard.standard",
            "netwright.rehearsal.rehearse",
        ),
        "a cause that no remedy mends, or whose remedies refuse, is not proven, nor is one of a program that neither computes nor prints anything to judge it by",
    ),
    "B3": (
        "A patch for the user's source",
        ("netwright.remedies.all_remedies", "netwright.surgery.files.diff", "netwright.surgery.files.write"),
        "a part of the rules has no remedy; what could be changed at the hooks only is told in words",
    ),
    "B4": (
        "Watching costs a bounded share of the run",
        (
            "netwright.monitor.account.Account",
            "netwright.monitor.pace",
            "netwright.monitor.watcher.Watcher",
            "netwright.report.model.Report",
        ),
        "what is done once (loading, the first steps, the report: about half a second where modules are compiled) is outside of the budget; in the first half minute up to 75 ms go ahead of it; no accelerator was measured",
    ),
    "B5": (
        "Training is bit-identical",
        ("netwright.capture.sandbox",),
        "compared on processors only, not on an accelerator",
    ),
    "B6": ("Several processes", (), "all of it: a process of a group is looked at by itself"),
    "B7": ("Trials on a cluster", (), "all of it"),
    "B8": (
        "PyTorch, Lightning, Hugging Face, Keras",
        ("netwright.capture.session.Session",),
        "PyTorch programs, whatever library writes their loop; Lightning and the Trainer of Hugging Face have no callbacks and were not tried; no Keras",
    ),
    "B9": (
        "In CI",
        ("netwright.report.deliver.exit_code",),
        "exit codes and JSON; no pytest plugin, SARIF, JUnit",
    ),
    "B10": (
        "Readable by programs and agents",
        (
            "netwright.report.json.to_json",
            "netwright.report.json.schema",
            "netwright.runs.summary.comparison",
        ),
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
