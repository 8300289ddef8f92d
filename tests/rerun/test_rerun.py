"""Re-runs of whole programs in child processes: the same to the bit, changed where asked, and never in the user's way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netwright.rerun import Command, Intervention, Loader, Plan, Subset
from netwright.rerun.pool import rerun, workers

from . import programs

SECONDS = 90.0


def command(folder, text, **environment):
    (folder / "train.py").write_text(text)
    return Command(target="train.py", folder=folder, environment={**os.environ, **environment})


def bare(made):
    """What the program prints when it is run as the user would run it."""
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=made.folder,
        env=made.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def one(made, plan, **options):
    (trace,) = rerun(made, [plan], seconds=SECONDS, cache=False, **options)
    return trace


def test_the_plan_that_changes_nothing_trains_to_the_same_bit(tmp_path):
    made = command(tmp_path, programs.TRAIN)
    printed = bare(made)
    trace = one(made, Plan(digests=True))
    assert trace.ended == "finished", trace
    assert list(trace.tail) == printed
    assert trace.weights == printed[-1].split()[1]
    assert (trace.steps, len(trace.losses)) == (30, 30)
    assert [p.step for p in trace.points] == list(range(30))
    assert [p.samples for p in trace.points] == [24 * (i + 1) for i in range(30)]


def test_metrics_are_those_that_the_program_computes(tmp_path):
    trace = one(command(tmp_path, programs.TRAIN), Plan())
    printed = [line.split()[1:] for line in trace.tail if line.startswith("evaluated")]
    assert len(printed) == 3
    for name, column in (("loss", 0), ("accuracy", 1)):
        mine = [m for m in trace.metrics if m.name == name]
        assert [m.step for m in mine] == [10, 20, 30]
        assert [m.value for m in mine] == pytest.approx([float(p[column]) for p in printed], rel=1e-5)
        assert {m.samples for m in mine} == {80}
        assert trace.held_out()[name] == mine[-1]
    assert [(u.turn, u.samples, u.trained) for u in trace.loaders] == [(0, 240, True), (1, 80, False)]


def test_seeds_differ_and_repeat(tmp_path):
    made = command(tmp_path, programs.TRAIN)
    plans = [Plan(seed=0), Plan(seed=1), Plan(seed=1, copy=1), Plan(), Plan(seed=0, threads=1)]
    zero, first, again, none, _ = rerun(made, plans, seconds=SECONDS, cache=False)
    assert zero.losses_digest == none.losses_digest
    assert first.losses_digest == again.losses_digest != zero.losses_digest


def test_a_program_without_a_seed_gets_one(tmp_path):
    made = command(tmp_path, programs.TRAIN.replace("torch.manual_seed(0)\n", ""))
    plans = [Plan(seed=3), Plan(seed=3, copy=1), Plan(), Plan(copy=1)]
    seeded, again, free, other = rerun(made, plans, seconds=SECONDS, cache=False)
    assert seeded.losses_digest == again.losses_digest
    assert free.losses_digest != other.losses_digest


def test_the_subset_is_the_subset(tmp_path):
    made = command(tmp_path, programs.SEEN)
    whole = one(made, Plan(seed=0))
    (use,) = whole.loaders
    assert (use.samples, use.trained, use.why_whole) == (64, True, None)
    where = Loader(file=use.file, line=use.line, samples=64, turn=0)

    def seen(trace):
        return [int(w) for w in trace.tail[-1].split()[1:]]

    plans = [Plan(seed=0, subset=Subset(share=s, loader=where, seed=5)) for s in (1 / 8, 1 / 2, 1)]
    eighth, half, all_of_it = rerun(made, plans, seconds=SECONDS, cache=False)
    assert (eighth.loaders[0].kept, half.loaders[0].kept, eighth.steps) == (8, 32, whole.steps)
    assert len(set(seen(eighth))) == 8 < len(set(seen(half))) == 32
    assert set(seen(eighth)) < set(seen(half)) < set(range(64))
    assert len(seen(eighth)) == len(seen(whole)) == 128
    # Every pass of eight goes over the subset once.
    assert all(len(set(seen(eighth)[i : i + 8])) == 8 for i in range(0, 128, 8))
    assert seen(all_of_it) == seen(whole)


def test_it_stops_at_a_step_and_lets_the_program_evaluate(tmp_path):
    made = command(tmp_path, programs.TRAIN)
    cut, at_once, whole = rerun(
        made, [Plan(steps=15), Plan(steps=15, evaluate=False), Plan()], seconds=SECONDS, cache=False
    )
    assert (cut.ended, cut.steps, len(cut.points)) == ("steps", 15, 15)
    assert (at_once.ended, at_once.steps) == ("steps", 15)
    assert cut.losses == at_once.losses == whole.losses[:15]
    assert cut.held_out()["accuracy"].step == 15
    assert at_once.held_out()["accuracy"].step == 10


def test_a_crash_is_a_result(tmp_path):
    text = programs.TRAIN.replace("    model.eval()\n", "    raise ValueError('no more')\n")
    trace = one(command(tmp_path, text), Plan())
    assert (trace.ended, trace.code, trace.error, trace.steps) == ("crashed", 1, "ValueError: no more", 10)
    assert trace.tail[-1] == "ValueError: no more"
    assert "no more" in trace.why()
    dead = one(command(tmp_path, "import os\nos.kill(os.getpid(), 9)\n"), Plan())
    assert (dead.ended, dead.code) == ("crashed", -9)


def _gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_an_endless_program_is_cut_with_its_children(tmp_path):
    mark = tmp_path.parent / f"{tmp_path.name}.mark"
    made = command(tmp_path, programs.ENDLESS, MARK=str(mark))
    (trace,) = rerun(made, [Plan(seconds=8)], cache=False)
    # It ends by its own clock only where the machine is so busy that the start alone takes that long.
    assert trace.ended == "killed" or (trace.ended == "seconds" and not mark.exists())
    pids = mark.read_text().split() if mark.exists() else []
    assert all(_gone(int(pid)) for pid in pids)


def test_an_interrupt_leaves_no_child_behind(tmp_path):
    mark = tmp_path.parent / f"{tmp_path.name}.mark"
    made = command(tmp_path, programs.ENDLESS, MARK=str(mark))
    text = (
        "import os, sys; from pathlib import Path; from netwright.rerun import Command, Plan\n"
        "from netwright.rerun.pool import rerun\n"
        f"rerun(Command(target='train.py', folder=Path({str(tmp_path)!r}), environment=dict(os.environ)), [Plan()], cache=False)"
    )
    shadow = tmp_path / "temporary"
    shadow.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", text],
        env={**made.environment, "TMPDIR": str(shadow)},
        stderr=subprocess.DEVNULL,
    )
    for _ in range(1200):
        if mark.exists() and len(mark.read_text().split()) == 2:
            break
        time.sleep(0.05)
    parent.send_signal(signal.SIGINT)
    assert parent.wait(timeout=30) != 0
    assert all(_gone(int(pid)) for pid in mark.read_text().split())
    assert list(shadow.glob("netwright-*")) == []


def test_a_result_is_kept_until_something_changes(tmp_path):
    made = command(tmp_path, "import helper\n" + programs.TRAIN)
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    began = time.perf_counter()
    (first,) = rerun(made, [Plan(seed=1)], seconds=SECONDS)
    took = time.perf_counter() - began
    began = time.perf_counter()
    (second,) = rerun(made, [Plan(seed=1)], seconds=SECONDS)
    assert second.cached
    assert not first.cached
    assert time.perf_counter() - began < took / 4
    assert (second.points, second.metrics, second.loaders) == (first.points, first.metrics, first.loaders)
    (tmp_path / "helper.py").write_text("VALUE = 2\n")
    (third,) = rerun(made, [Plan(seed=1)], seconds=SECONDS)
    assert not third.cached
    (crash,) = rerun(command(tmp_path, "import torch\nraise SystemExit(3)\n"), [Plan()], seconds=SECONDS)
    assert (crash.ended, crash.code, crash.cached) == ("crashed", 3, False)
    (crash,) = rerun(made, [Plan()], seconds=SECONDS)
    assert not crash.cached


def test_nothing_of_the_user_is_overwritten(tmp_path):
    folder = tmp_path / "project"
    for name in ("data/a.txt", "data/b.txt", "data/c.txt", "out/old.pt", "log.txt", "gone/in/it.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "beside.txt").write_text("beside")
    made = command(folder, programs.WRITES)

    def files():
        return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    before = files()
    trace = one(made, Plan())
    assert trace.ended == "finished", trace.tail
    assert trace.tail[0] == "read data/a.txt beside data/a.txt"
    assert trace.tail[1] == "there ['a.txt', 'd.txt'] changed log.txt more {'a': 1}"
    read = {Path(f).name for f in trace.files}
    assert {"a.txt", "log.txt", "train.py"} <= read
    assert "old.pt" not in read  # made anew before it was read: what stood there before changes nothing
    assert files() == before
    absolute = command(folder, f"import torch\nopen({str(folder / 'log.txt')!r}, 'w')\n")
    before = files()
    refused = one(absolute, Plan())
    assert refused.ended == "crashed"
    assert "full path" in refused.error
    assert files() == before


def test_interventions_are_made(tmp_path):
    made = command(tmp_path, programs.TRAIN)
    wanted = Plan(
        steps=5,
        evaluate=False,
        interventions=(Intervention(name="scale-learning-rate", settings={"factor": 0.1}),),
    )
    treated = one(made, wanted)
    by_hand = one(
        command(tmp_path, programs.TRAIN.replace("lr=1e-2", "lr=1e-2 * 0.1")), Plan(steps=5, evaluate=False)
    )
    assert treated.losses == by_hand.losses
    unknown = one(made, Plan(interventions=(Intervention(name="nothing"),)))
    assert unknown.ended == "crashed"
    assert "nothing" in unknown.error


def test_plans_survive_the_way_to_the_child():
    where = Loader(file="a.py", line=3, samples=10, turn=1)
    plan = Plan(
        seed=2,
        subset=Subset(share=0.5, loader=where),
        steps=3,
        interventions=(Intervention(name="a", settings={"b": 1.5}),),
    )
    assert Plan.from_json(plan.to_json()) == plan
    assert workers(1) == 1


BY_HAND = """
import sys
import torch
from torch.overrides import _get_current_function_mode_stack

torch.manual_seed(0)
w = torch.randn(4, 1, requires_grad=True)
x = torch.randn(64, 4)
y = x.sum(1, keepdim=True)
for step in range(1200):
    loss = ((x @ w - y) ** 2).mean()
    w.grad = None
    loss.backward()
    with torch.no_grad():
        w -= 0.05 * w.grad
    assert len(_get_current_function_mode_stack()) <= 1, step
with torch.no_grad():
    print("done", torch.nn.functional.mse_loss(x @ w, y).item() < 1e-3)
"""


def test_weights_updated_by_hand_in_many_steps_leave_one_mode(tmp_path):
    """Every update looks like an evaluation that begins, and backward, which the mode handles, like its end."""
    (trace,) = rerun(command(tmp_path, BY_HAND), [Plan(seed=0)], cache=False)
    assert trace.ended == "finished", trace.error
    assert trace.tail[-1] == "done True"
