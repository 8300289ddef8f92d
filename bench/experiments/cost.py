"""What every experiment that a check does costs, in training steps of the same program, and what comes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bench.experiments.runs import chosen, machine, measured, with_fault
from bench.faultbench.programs import Program
from netwright.evidence import EXPERIMENTS

TITLE = "Cost in training steps"
RECIPES = (
    "digits_mlp",
    "mnist_lenet",
    "bilstm_classification",
    "resnet_sgd_cosine",
    "char_gpt",
    "vae_mnist",
    "concrete_batchnorm_first",
    "seq2seq_reverse",
)
FAULTY = (
    ("rate-far-too-high", "digits_mlp"),
    ("labels-shuffled", "names_mlp"),
    ("targets-not-normalized", "concrete_batchnorm_first"),
    ("weights-all-equal", "banknote_sigmoid_bce"),
    ("softmax-before-cross-entropy", "mnist_lenet"),
    ("weight-decay-far-too-strong", "phoneme_nll"),
)


def programs(names: tuple[str, ...]) -> list[Program]:
    """The healthy recipes and the faulty ones; of the recipes named alone where some are."""
    faulty = [with_fault(operator, recipe) for operator, recipe in FAULTY if not names or recipe in names]
    return [*chosen(names or RECIPES), *(p for p in faulty if p is not None)]


def table(say: Callable[[str], None], names: tuple[str, ...] = ()) -> str:
    """The page's section; every line is said as soon as it is known."""
    rows: list[str] = []
    known: list[str] = []
    reasons: list[str] = []
    counts: dict[str, list[int]] = {}
    for program in programs(names):
        found = measured("cost", program)
        if "why" in found:
            row = f"| {_name(program)} | {found['why']} |"
        else:
            known = list(found)
            step = sorted(f["step"] for f in found.values())[len(found) // 2]
            cells = [_cell(f, reasons) for f in found.values()]
            for name, f in found.items():
                counts.setdefault(name, []).append(not f["why"])
            row = (
                f"| {_name(program)} | {f'{1000 * step:.2f} ms' if step == step else '–'} | "
                + " | ".join(cells)
                + " |"
            )
        say(row)
        rows.append(row)
    columns = known or list(EXPERIMENTS.values())
    ended = ", ".join(f"{name} {sum(c)} of {len(c)}" for name, c in counts.items())
    return "\n".join(
        [
            "Time of each experiment in the turn and with the seconds that `netwright check` gives it by default (60 s for all), as a multiple of the median time of 10 training steps (forward, "
            "backward, update, run again on copies) measured right before and after it in the same process. Experiments use the time they are given: on small programs their limit in steps, not "
            "in seconds, ends them. Faulty programs have the name of the fault after a plus sign. A number in brackets stands for a reason below: why an experiment was not done, or in which form.",
            "",
            "| program | one step | " + " | ".join(f"`{e}`" for e in columns) + " |",
            "|---|---|" + "---|" * len(columns),
            *rows,
            "",
            *(f"- [{number}] {reason}" for number, reason in enumerate(reasons, 1)),
            "",
            f"Came to their end: {ended}. ({machine()}; load average over 15 minutes when this was printed: {os.getloadavg()[2]:.0f}. On a machine with other work fewer experiments fit into their seconds.)",
        ]
    )


def _name(program: Program) -> str:
    parts = program.id.split("/")
    return f"{parts[2]} + {parts[1]}" if parts[0] == "planted" else parts[1]


def _cell(found: dict[str, Any], reasons: list[str]) -> str:
    told = found["why"] or found["form"]
    note = ""
    if told:
        if told not in reasons:
            reasons.append(told)
        note = f"[{reasons.index(told) + 1}]"
    if found["why"]:
        return f"– {note}"
    steps = f"{found['seconds'] / found['step']:.0f} steps " if found["step"] == found["step"] else ""
    return f"{steps}({found['seconds']:.1f} s) {note}".strip()
