"""What every experiment costs, in training steps of the same program."""

from __future__ import annotations

from collections.abc import Callable

from bench.experiments.runs import chosen, machine, measured
from netwright.evidence import EXPERIMENTS

TITLE = "Cost in training steps"
RECIPES = ("digits_mlp", "mnist_lenet", "bilstm_classification", "resnet_sgd_cosine", "char_gpt", "vae_mnist")


def table(say: Callable[[str], None], names: tuple[str, ...] = ()) -> str:
    """The page's section; every line is said as soon as it is known."""
    experiments = list(EXPERIMENTS.values())
    rows: list[str] = []
    for program in chosen(names or RECIPES):
        name, found = program.id.split("/")[1], measured("cost", program)
        if "why" in found:
            row = f"| {name} | {found['why']} |" + " |" * len(experiments)
        else:
            step = sorted(f["step"] for f in found.values())[len(found) // 2]
            cells = [_cell(found.get(e)) for e in experiments]
            row = f"| {name} | {1000 * step:.2f} ms | " + " | ".join(cells) + " |"
        say(row)
        rows.append(row)
    return "\n".join(
        [
            "Time of each experiment with the time it may take at most, as a multiple of the median time of 18 training steps (forward, backward, update, run again on copies) measured "
            "right before and after it in the same process. Experiments use the time they are given: on small programs their limit in steps, not in seconds, ends them.",
            "",
            "| recipe | one step | " + " | ".join(f"`{e}`" for e in experiments) + " |",
            "|---|---|" + "---|" * len(experiments),
            *rows,
            "",
            f"({machine()})",
        ]
    )


def _cell(found: dict[str, object] | None) -> str:
    if found is None:
        return "–"
    seconds, step = float(str(found["seconds"])), float(str(found["step"]))
    return f"not done: {found['why']}" if found["why"] else f"{seconds / step:.0f} steps ({seconds:.1f} s)"
