"""The command line: `python -m bench.faultbench run`, `list`, `show`, `check`, `train`, `export`, `score`, `compare`, `cure`, `watch`."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from bench.faultbench import compare as comparison
from bench.faultbench import cure, cured, execute, page, programs, runner, tuning, watching
from bench.faultbench.operators import Seen, operators
from bench.faultbench.programs import HERE, Program
from bench.faultbench.source import DoesNotApply
from bench.faultbench.verdict import Verdict, from_peer

RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "faultbench.md"
CURES = HERE / "cures.json"
CURED = HERE.parents[1] / "docs" / "faultbench-cure.md"
WATCHED = HERE / "watched.json"
WATCHED_PAGE = HERE.parents[1] / "docs" / "faultbench-watching.md"
WATCHED_DEFAULT = HERE / "watched-default.json"
WATCHED_DEFAULT_PAGE = HERE.parents[1] / "docs" / "faultbench-watching-default.md"
COMPARED = HERE.parents[1] / "docs" / "faultbench-experiments.md"


@click.group()
def main() -> None:
    """Measure how often a diagnosis is right, and how often it cries wolf."""


@main.command()
@click.option(
    "--quick",
    is_flag=True,
    help="One recipe an operator, one seed, every third real program; which faults bite is taken from bites.json.",
)
@click.option(
    "--per-operator", type=int, default=4, show_default=True, help="Recipes an operator is tried on, at most."
)
@click.option("--operator", "only", multiple=True, help="Only this operator (repeatable).")
@click.option("--recipe", "on", multiple=True, help="Only this recipe (repeatable).")
@click.option(
    "--seen", type=click.Choice([s.value for s in Seen]), help="Only faults whose evidence lies there."
)
@click.option("--cases/--no-cases", default=True, help="The real programs.")
@click.option(
    "--train/--no-train", default=True, help="Measure which faults bite, or take it from bites.json."
)
@click.option("--null", is_flag=True, help="Also measure how often the test of harm takes luck for a fault.")
@click.option("--experiments", is_flag=True, help="With netwright's experiments beside the pre-flight.")
@click.option("--jobs", type=int, default=2, show_default=True)
@click.option(
    "--results", type=click.Path(dir_okay=False, path_type=Path), default=None, help="JSON of the results."
)
@click.option("--write-page", is_flag=True, help="Write docs/faultbench.md.")
def run(
    *,
    quick: bool,
    per_operator: int,
    only: tuple[str, ...],
    on: tuple[str, ...],
    seen: str | None,
    cases: bool,
    train: bool,
    null: bool,
    experiments: bool,
    jobs: int,
    results: Path | None,
    write_page: bool,
) -> None:
    """Run the benchmark and print the results."""
    plan = runner.Plan(
        per_operator=1 if quick else per_operator,
        healthy_seeds=(0,) if quick or only else programs.SEEDS,
        train=train and not quick,
        operators=only,
        recipes=on,
        cases=_cases(quick) if cases and not only and not on else (),
        seen=(Seen(seen),) if seen else tuple(Seen),
        jobs=jobs,
        null=null,
        only_counted=quick,
    )
    if programs.data_folder() is None:
        click.echo("NETWRIGHT_DATA names no folder: programs on larger data sets are left out", err=True)
    answer = runner.run(plan, runner.netwright_checker(experiments=experiments))
    if results is not None:
        results.parent.mkdir(parents=True, exist_ok=True)
        results.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    text = page.render(answer, tool="netwright check" if experiments else "netwright check --no-experiments")
    if write_page:
        RESULTS.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(text, encoding="utf-8")
    click.echo(text)


def _cases(quick: bool) -> tuple[str, ...] | None:
    """Which real programs: all (None), or every third."""
    return tuple(sorted(programs.cases())[::3]) if quick else None


@main.command("list")
def list_() -> None:
    """List operators and the number of recipes each applies to."""
    on: dict[str, int] = {}
    for operator, _ in programs.pairs(10_000):
        on[operator.name] = on.get(operator.name, 0) + 1
    for operator in operators().values():
        click.echo(
            f"{operator.family:13} {operator.name:44} {on.get(operator.name, 0):3} {operator.seen.value:10} {' '.join(operator.codes)}"
        )


@main.command()
@click.argument("program")
def show(program: str) -> None:
    """Print a program: planted/OPERATOR/RECIPE/SEED, healthy/RECIPE/SEED, real/CASE/faulty/SEED."""
    found, lines = find(program)
    for number, line in enumerate(found.text.splitlines(), 1):
        click.echo(f"{'>' if number in lines else ' '} {number:4} {line}")


@main.command()
@click.argument("program")
def check(program: str) -> None:
    """Run `netwright check -v` on a program and show what it says."""
    found, lines = find(program)
    with execute.workplace(found) as (folder, script):
        click.echo(f"fault planted at line {', '.join(map(str, lines)) or '-'}", err=True)
        command = [sys.executable, "-m", "netwright", "check", "-v", "--no-report", str(script)]
        sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)


@main.command()
@click.argument("program")
def train(program: str) -> None:
    """Run a program bare and print its metric."""
    found, _ = find(program)
    click.echo(execute.train(found))


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--per-operator", type=int, default=4, show_default=True)
def export(folder: Path, per_operator: int) -> None:
    """Write all programs into a folder, for other tools, with programs.json that names them (and nothing of the truth)."""
    folder.mkdir(parents=True, exist_ok=True)
    listing: list[dict[str, Any]] = []
    recipes = [r for r in programs.recipes().values() if programs.available(r.data)]
    cases = [c for c in programs.cases().values() if programs.available(c.data)]
    for program in programs.to_check(recipes, programs.SEEDS, programs.pairs(per_operator), cases):
        path = folder / program.id / program.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(program.text, encoding="utf-8")
        listing.append(
            {"id": program.id, "script": str(path.relative_to(folder)), "data": list(program.data)}
        )
    (folder / "programs.json").write_text(json.dumps(listing, indent=1) + "\n")
    click.echo(f"{len(listing)} programs; run each in a folder where data/ is the folder of data sets")


@main.command()
@click.argument("verdicts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--per-operator", type=int, default=4, show_default=True)
def score(verdicts: Path, per_operator: int) -> None:
    """Score another tool's verdicts on exported programs (the form stands in bench/faultbench/README.md)."""
    read = json.loads(verdicts.read_text(encoding="utf-8"))
    names = read.get("names", {})

    def checker(program: Program) -> Verdict | None:
        answer = read["programs"].get(program.id)
        return from_peer(answer, names) if answer is not None else None

    plan = runner.Plan(per_operator=per_operator, healthy_seeds=programs.SEEDS, train=False)
    click.echo(page.render(runner.run(plan, checker), tool=read.get("tool", "another tool")))


@main.command()
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--name", "names", multiple=True, help="What gave each of them, in the same order.")
@click.option("--write-page", is_flag=True, help="Write docs/faultbench-experiments.md.")
def compare(results: tuple[Path, ...], names: tuple[str, ...], *, write_page: bool) -> None:
    """Put results of several tools, or of several ways to run one, side by side."""
    if names and len(names) != len(results):
        raise click.UsageError("as many --name as results")
    given = names or tuple(path.stem for path in results)
    tools = {n: json.loads(p.read_text(encoding="utf-8")) for n, p in zip(given, results, strict=True)}
    text = comparison.render(tools)
    if write_page:
        COMPARED.write_text(text, encoding="utf-8")
    click.echo(text)


@main.command("cure")
@click.argument("wanted", nargs=-1, metavar="[PROGRAM]...")
@click.option(
    "--within",
    type=float,
    default=7.0,
    show_default=True,
    help="Planted faults on recipes that train within so many seconds.",
)
@click.option(
    "--each", type=int, default=1, show_default=True, help="So many recipes an operator, the quickest."
)
@click.option("--real", type=int, default=10, show_default=True, help="So many real programs, the quickest.")
@click.option(
    "--healthy", type=int, default=12, show_default=True, help="So many healthy recipes, the quickest."
)
@click.option("--budget", type=float, default=300.0, show_default=True, help="Seconds of re-runs for each.")
@click.option("--again", is_flag=True, help="Once more what an earlier state of netwright did not cure.")
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice(tuning.METHODS),
    help="Instead: plain search over hyper-parameters, given the time that netwright fix took (repeatable).",
)
@click.option(
    "--every",
    type=int,
    default=3,
    show_default=True,
    help="Baselines on every so many of the faulty programs.",
)
@click.option(
    "--results", type=click.Path(dir_okay=False, path_type=Path), default=CURES, help="JSON of the results."
)
@click.option("--write-page", is_flag=True, help="Write docs/faultbench-cure.md.")
def cure_(
    *,
    wanted: tuple[str, ...],
    within: float,
    each: int,
    real: int,
    healthy: int,
    budget: float,
    again: bool,
    baselines: tuple[str, ...],
    every: int,
    results: Path,
    write_page: bool,
) -> None:
    """Let `netwright fix` mend programs, and train what comes of it.

    Which programs: the quickest planted faults that bite, real programs and healthy recipes, unless some are named. What was measured before is kept in
    bench/faultbench/cures.json.
    """
    bites = json.loads(runner.BITES.read_text(encoding="utf-8"))
    names = wanted or cure.chosen(bites, seconds=within, each=each, real=real, healthy=healthy)
    known = cure.kept(results, budget)
    if baselines:
        faulty = [n for n in names if not n.startswith("healthy/")]
        for name, method in ((n, m) for n in (wanted or faulty[::every]) for m in baselines):
            _baseline(known, bites, name, method, results)
    else:
        for name in names:
            program, _ = find(name)
            if cure.wanted(known, name, again=again):
                done = cure.cure(program, cure.known(bites, name), budget=budget)
                cure.keep(known, done, results)
                click.echo(f"{name}: changed {done.changed}, back {done.back}", err=True)
    text = cured.render(known)
    if write_page:
        CURED.write_text(text, encoding="utf-8")
    click.echo(text)


@main.command("watch")
@click.argument("wanted", nargs=-1, metavar="[PROGRAM]...")
@click.option("--per-operator", type=int, default=2, show_default=True)
@click.option(
    "--every",
    type=int,
    default=watching.EVERY,
    show_default=True,
    help="Sample every so many steps; 0: what the default budget allows.",
)
@click.option(
    "--quickest",
    type=int,
    default=3,
    show_default=True,
    help="So many recipes an operator besides, those that train quickest.",
)
@click.option(
    "--train", is_flag=True, help="Measure of which of them bites.json does not know whether they bite."
)
@click.option(
    "--write-page",
    is_flag=True,
    help="Write docs/faultbench-watching.md; with --every 0 docs/faultbench-watching-default.md.",
)
def watch_(
    *, wanted: tuple[str, ...], per_operator: int, quickest: int, every: int, train: bool, write_page: bool
) -> None:
    """Watch whole trainings: healthy recipes, which must stay quiet to their end, and planted faults that show in the course of training; all of them unless some are named.

    What was measured before by the same netwright is kept in bench/faultbench/watched.json (watched-default.json).
    """
    bites = json.loads(runner.BITES.read_text(encoding="utf-8"))
    if train:
        pairs = (*watching.drawn(per_operator), *watching.quick(bites, per_operator, quickest))
        unknown = [(o, r) for o, r in pairs if runner.standing(bites, o, r)[1] == "not measured"]
        runner.measure_pairs(bites, unknown, jobs=1)
    names = wanted or watching.programs_to_watch(bites, per_operator, quickest)
    path, written = (WATCHED, WATCHED_PAGE) if every else (WATCHED_DEFAULT, WATCHED_DEFAULT_PAGE)
    results = watching.kept(path, every)
    for name in names:
        program, _ = find(name)
        if name not in results["programs"]:
            answer = execute.watch(program, fingerprint=results["netwright"], every=every)
            results["programs"][name] = dataclasses.asdict(watching.seen(name, answer))
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            click.echo(f"{name}: {watching.short(results['programs'][name])}", err=True)
    text = watching.render(results)
    if write_page:
        written.write_text(text, encoding="utf-8")
    click.echo(text)


def _baseline(known: dict[str, Any], bites: dict[str, Any], name: str, method: str, results: Path) -> None:
    """Search for one program, if netwright was tried on it and the search not yet."""
    mended, done = known["programs"].get(name), known["baselines"].setdefault(method, {})
    if mended is None or name in done:
        return
    program, _ = find(name)
    found = tuning.tune(
        program, cure.known(bites, name), method, seconds=mended["seconds"], cpu_s=mended["cpu_s"]
    )
    done[name] = dataclasses.asdict(found)
    cure.save(known, results)
    click.echo(f"{name}: {method}, {found.trials} trials, back {found.back}", err=True)


def find(name: str) -> tuple[Program, tuple[int, ...]]:
    """A program by its id, and the lines of its fault; raises click.UsageError for a name that is none."""
    try:
        match name.split("/"):
            case ["healthy", recipe, seed]:
                return programs.healthy(programs.recipes()[recipe], int(seed)), ()
            case ["planted", operator, recipe, seed]:
                found, on = operators()[operator], programs.recipes()[recipe]
                return programs.planted(found, on, int(seed)), programs.plant(found, on).lines
            case ["real", case, "faulty" | "fixed" as which, seed]:
                known = programs.cases()[case]
                return programs.real(known, which, int(seed)), known.places if which == "faulty" else ()
            case _:
                raise click.UsageError(
                    f"{name} is no program: planted/OPERATOR/RECIPE/SEED, healthy/RECIPE/SEED, real/CASE/faulty/SEED"
                )
    except KeyError as error:
        raise click.UsageError(f"nothing here is named {error.args[0]}") from None
    except DoesNotApply as error:
        raise click.UsageError(f"this fault cannot be planted there: {error}") from None


if __name__ == "__main__":
    main()
