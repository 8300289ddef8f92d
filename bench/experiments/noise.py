"""The noise scale as the experiment estimates it from eight batches, against brute force over up to 200."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.experiments.runs import chosen, machine, measured

TITLE = "Noise scale against brute force"
RECIPES = (
    "digits_mlp",
    "abalone_sum_loss",
    "accumulate_gradients",
    "banknote_sigmoid_bce",
    "phoneme_nll",
    "names_mlp",
    "autoencoder_denoising",
    "amp_bf16_groupnorm",
    "mnist_lenet",
    "bilstm_classification",
    "vae_mnist",
    "quantile_regression",
    "gru_char_carry",
    "seq2seq_reverse",
)


def table(say: Callable[[str], None], names: tuple[str, ...] = ()) -> str:
    """The page's section; every line is said as soon as it is known."""
    rows: list[str] = []
    covered = told = 0
    ratios: list[float] = []
    for program in chosen(names or RECIPES):
        found = measured("noise", program)
        row, ratio, holds = _row(program.id.split("/")[1], found)
        say(row)
        rows.append(row)
        if ratio is not None:
            told, covered = told + 1, covered + holds
            ratios.append(max(ratio, 1 / ratio))
    worst = f"; the largest factor between the two is {max(ratios):.2f}" if ratios else ""
    return "\n".join(
        [
            "The experiment sees 8 batches, as `netwright check` does, and cuts them into parts. Brute force takes the gradients of whole batches at the same first weights, over as many "
            "steps as the recipe makes and 200 at most, without any of the experiment's code: the spread of the batches' gradients times the batch, over |G|² without its bias. "
            "It has an error of its own, which grows as batches grow few and the noise scale large; dropout is on in it and off in the experiment.",
            "",
            "| recipe | batch | parts × samples | estimate | 95 % interval | brute force | batches | estimate / brute force | covered |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"The interval holds the value of brute force in {covered} of {told}{worst}. ({machine()})",
        ]
    )


def _row(name: str, found: dict[str, Any]) -> tuple[str, float | None, bool]:
    if "why" in found:
        return f"| {name} | | | {found['why']} | | | | | |", None, False
    brute = f"{found['brute']:.3g}" if found["brute"] > 0 else "none: |G|² is lost in noise"
    shape = f"| {name} | {found['batch']} | {found['parts']} × {found['size']} |"
    if found["estimate"] is None or found["brute"] <= 0:
        told = "cannot tell" if found["estimate"] is None else f"{found['estimate']:.3g}"
        return f"{shape} {told} | | {brute} | {found['batches']} | | |", None, False
    ratio = found["estimate"] / found["brute"]
    holds = bool(found["low"] <= found["brute"] <= found["high"])
    interval = f"{found['low']:.3g} to {found['high']:.3g}"
    row = f"{shape} {found['estimate']:.3g} | {interval} | {brute} | {found['batches']} | {ratio:.2f} | {'yes' if holds else 'no'} |"
    return row, ratio, holds
