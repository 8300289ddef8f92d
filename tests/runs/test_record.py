"""The record while it is written: cheap, bounded, never in the way, and whole whatever happens."""

import os
import random
import sqlite3
import sys
import threading
import time
from array import array

import pytest

from bench.runs.kill import killed
from netwright import forks
from netwright.evidence.history import Sample
from netwright.runs import Record, Run, Unreadable
from netwright.runs import record as writer
from netwright.runs.store import FILE, MIGRATIONS, VERSION, Chunk


def sample(step, **values):
    return Sample(step=step, seconds=step / 10, values={k.replace("_", "/"): v for k, v in values.items()})


@pytest.fixture
def said():
    return []


@pytest.fixture
def begin(tmp_path, said):
    made = []

    def begin(name="run", **given):
        made.append(Record.create(tmp_path / name, {"k": 1}, warn=said.append, **given))
        return made[-1]

    yield begin
    for record in made:
        record.close()
    assert not [t for t in threading.enumerate() if t.name == "netwright-record"]


def wait_for(told, seconds=5.0):
    until = time.monotonic() + seconds
    while not told() and time.monotonic() < until:
        time.sleep(0.01)
    assert told()


def test_what_goes_in_comes_out(begin, tmp_path, said):
    record = begin()
    for step in range(100):
        record.add(sample(step, loss_0=1 / (step + 1), rate_0=0.1))
        if step % 10 == 0:
            record.add(sample(step, module_a_mean=float(step), loss_1=float("nan")))
    record.meta({"seeds": {"torch": 1}, "k": float("inf")})
    record.later(lambda: {"slow": [1, 2]})
    record.later(lambda: {}["nothing"])
    record.finding({"code": "NW601"}, key="NW601", step=3)
    record.finding({"code": "NW601"}, key="NW601", step=3, state="withdrawn")
    record.source("a.py", "d1", b"x = 1\n")
    record.end("finished")
    record.close()
    run = Run(tmp_path / "run")
    assert (run.status, run.steps) == ("finished", 99)
    assert run.series["loss/0"].steps == tuple(range(100))
    assert run.series["loss/0"].values == tuple(1 / (s + 1) for s in range(100))
    assert run.series["module/a/mean"].values == tuple(float(s) for s in range(0, 100, 10))
    assert run.last_loss == 0.01
    assert run.history.seconds == 9.9
    assert run.meta["seeds"] == {"torch": 1}
    assert run.meta["k"] == float("inf")
    assert run.meta["slow"] == (1, 2)
    assert "KeyError" in run.meta["not_collected"]
    assert [(f["code"], f["state"], f["step"]) for f in run.findings] == [("NW601", "withdrawn", 3)]
    assert run.sources["a.py"].text == "x = 1\n"
    assert sorted(p.name for p in run.folder.iterdir()) == [FILE]
    assert said == []


def test_adding_costs_microseconds(begin):
    record = begin()
    made = [sample(step, loss_0=0.5) for step in range(5000)]
    seconds = []
    for one in made:
        start = time.perf_counter()
        record.add(one)
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[len(seconds) // 2] < 20e-6


def test_it_is_read_while_it_is_written(begin, tmp_path):
    record = begin(every_s=0.01)
    record.add(sample(0, loss_0=0.0))
    wait_for(lambda: (tmp_path / "run" / FILE).exists() and Run(tmp_path / "run").series)
    seen = []
    for step in range(1, 300):
        record.add(sample(step, loss_0=float(step)))
        if step % 30 == 29:
            time.sleep(0.02)
            run = Run(tmp_path / "run")
            assert run.status == "running"
            seen.append(len(run.losses.get("loss/0", ())))
    assert seen == sorted(seen)
    wait_for(lambda: len(Run(tmp_path / "run").losses["loss/0"]) == 300)


@pytest.mark.parametrize("moment", range(5))
def test_a_killed_run_loses_less_than_a_second(tmp_path, moment):
    found = killed(tmp_path / "run", random.uniform(0.05, 0.8))
    assert not found.gap
    assert found.lost_s < 1.0
    run = Run(tmp_path / "run")
    assert run.status == "lost"


def test_a_killed_run_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    killed(tmp_path / "run", 0.5)
    real = sqlite3.connect

    def connect(path, **given):
        if given.get("uri"):
            raise sqlite3.OperationalError("unable to open database file")
        return real(path, **given)

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert len(Run(tmp_path / "run").losses["loss/0"]) > 0


def test_a_full_disk_stops_the_record_with_one_warning(begin, tmp_path, said, monkeypatch):
    def small(db):
        migrate(db)
        db.execute("PRAGMA max_page_count = 24")

    migrate = writer.migrate
    monkeypatch.setattr(writer, "migrate", small)
    record = begin(every_s=0.01)
    step = 0
    while record.failed is None and step < 50_000:
        for _ in range(50):
            record.add(sample(step, loss_0=random.random()))
            step += 1
        time.sleep(0.01)
    for _ in range(100):
        record.add(sample(step, loss_0=0.0))
    record.end("finished")
    record.close()
    assert said == ["the record of this run stops here (database or disk is full); the program goes on"]
    assert 0 < len(Run(tmp_path / "run").losses["loss/0"]) < step


def test_a_folder_that_cannot_be_made(tmp_path, said):
    (tmp_path / "file").write_text("")
    record = Record.create(tmp_path / "file" / "run", {}, warn=said.append)
    record.add(sample(0, loss_0=1.0))
    record.meta({"a": 1})
    record.end("finished")
    record.close()
    (only,) = said
    assert "cannot be recorded" in only
    assert record.failed


def test_a_folder_that_is_taken_away(begin, tmp_path, said):
    (tmp_path / "run" / FILE).mkdir(parents=True)
    record = begin(every_s=0.01)
    wait_for(lambda: record.failed)
    record.add(sample(0, loss_0=1.0))
    assert len(said) == 1


def test_a_slow_disk_makes_nobody_wait(begin, tmp_path, said, monkeypatch):
    def slow(*given, **more):
        time.sleep(0.3)
        insert(*given, **more)

    insert = writer.insert
    monkeypatch.setattr(writer, "insert", slow)
    monkeypatch.setattr(writer, "_WAITING", 50)
    record = begin(every_s=0.01)
    start = time.perf_counter()
    for step in range(400):
        record.add(sample(step, loss_0=0.0))
        time.sleep(0.001)
    assert time.perf_counter() - start < 20.0  # each of 400 samples would wait 0.3 s
    assert len(said) == 1
    assert "slower" in said[0]
    record.end("finished")
    record.close()
    run = Run(tmp_path / "run")
    assert run.status == "finished"
    assert run.meta["left_out"] + len(run.losses["loss/0"]) == 400


def test_a_disk_that_hangs_does_not_keep_the_program(begin, said, monkeypatch):
    let = threading.Event()
    monkeypatch.setattr(writer, "insert", lambda *given: let.wait(10))
    record = begin(every_s=0.01)
    record.add(sample(0, loss_0=0.0))
    time.sleep(0.05)
    start = time.perf_counter()
    record.close(seconds=0.1)
    assert time.perf_counter() - start < 1.0
    assert said == ["the disk is slow: the end of this run is not recorded"]
    let.set()
    wait_for(lambda: not [t for t in threading.enumerate() if t.name == "netwright-record"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_child_writes_nothing(begin, tmp_path):
    record = begin(every_s=0.01)
    for step in range(40):
        record.add(sample(step, loss_0=float(step)))
        if step % 10 == 5:
            child = os.fork()
            if child == 0:
                try:
                    alive = [t.name for t in threading.enumerate()]
                    record.add(sample(999, loss_0=9.0))
                    record.end("crashed")
                    record.close()
                    os._exit(0 if "netwright-record" not in alive else 1)
                except BaseException:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
    record.end("finished")
    record.close()
    run = Run(tmp_path / "run")
    assert run.status == "finished"
    assert run.losses["loss/0"].steps == tuple(range(40))


def test_no_thread_is_there_while_the_process_forks(begin):
    record = begin(every_s=5.0)
    record.add(sample(0, loss_0=0.0))
    forks._tell(forks._BEFORE)
    assert not [t for t in threading.enumerate() if t.name == "netwright-record"]
    forks._tell(forks._IN_PARENT)
    assert [t for t in threading.enumerate() if t.name == "netwright-record"]


def test_a_program_that_forks_all_the_time_is_recorded(begin, tmp_path):
    record = begin()
    for step in range(120):
        record.add(sample(step, loss_0=float(step)))
        forks._tell(forks._BEFORE)
        forks._tell(forks._IN_PARENT)
        time.sleep(0.01)
    assert len(Run(tmp_path / "run").losses["loss/0"]) > 10


def test_the_size_stays_bounded_and_the_whole_run_is_there(begin, tmp_path):
    record = begin(limit=100_000, every_s=0.005)
    large = {f"parameter/{i}/grad_norm": 1.0 for i in range(50)}
    largest = 0
    for step in range(30_000):
        record.add(sample(step, loss_0=float(step)))
        if step % 200 == 0:
            record.add(Sample(step=step, seconds=0.0, values=large))
            time.sleep(0.006)
            largest = max(largest, sum(p.stat().st_size for p in (tmp_path / "run").glob(FILE)))
    record.close()
    assert largest < 400_000
    run = Run(tmp_path / "run")
    loss = run.losses["loss/0"]
    assert loss.steps == tuple(int(v) for v in loss.values)
    assert loss.steps[0] == 0
    assert loss.steps[-1] == 29_999
    assert list(loss.steps) == sorted(set(loss.steps))
    gaps = [b - a for a, b in zip(loss.steps, loss.steps[1:], strict=False)]
    assert max(gaps) <= 64
    assert len(run.series["parameter/0/grad_norm"]) > 10


@pytest.mark.parametrize(("width", "length"), [(1, 9), (3, 8), (7, 3), (5, 1)])
def test_halving_keeps_every_second_sample(width, length):
    rows = [[float(100 * i + j) for j in range(width)] for i in range(length)]
    chunk = Chunk(
        width=width,
        steps=array("q", range(length)),
        seconds=array("d", map(float, range(length))),
        data=array("d", [v for row in rows for v in row]),
    )
    half = chunk.halved()
    assert list(half.steps) == list(range(0, length, 2))
    assert [list(half.data[i * width : (i + 1) * width]) for i in range(len(half))] == rows[::2]
    assert [list(half.column(j)) for j in range(width)] == [[r[j] for r in rows[::2]] for j in range(width)]
    assert sum(len(p) for p in half.split(100)) == len(half)


def test_a_record_of_the_first_version_is_read(tmp_path):
    (tmp_path / "old").mkdir()
    file = tmp_path / "old" / FILE
    db = sqlite3.connect(file)
    db.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    db.execute("INSERT INTO meta VALUES ('status', '\"finished\"')")
    db.execute("INSERT INTO series VALUES (1, 'loss/0')")
    db.execute("INSERT INTO layouts VALUES (1, '[1]')")
    packed = (
        array("q", [4, 5]).tobytes(),
        array("d", [0.0, 1.0]).tobytes(),
        array("d", [2.0, 1.5]).tobytes(),
    )
    db.execute("INSERT INTO chunks VALUES (1, 1, 4, 5, ?, ?, ?)", packed)
    db.commit()
    db.close()
    before = file.read_bytes()
    run = Run(tmp_path / "old")
    assert (run.status, run.steps, run.last_loss, run.findings) == ("finished", 5, 1.5, ())
    assert run.losses["loss/0"].values == (2.0, 1.5)
    assert file.read_bytes() == before


def test_files_that_are_no_record(tmp_path):
    with pytest.raises(Unreadable, match="no record"):
        Run(tmp_path)
    (tmp_path / FILE).write_bytes(b"this is no database, and long enough to be taken for one " * 40)
    with pytest.raises(Unreadable, match="cannot be read"):
        Run(tmp_path)
    (tmp_path / FILE).unlink()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(Unreadable, match="later"):
        Run(tmp_path)


def test_a_process_that_ends_without_closing_has_its_record(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from netwright.runs import Record; from netwright.evidence.history import Sample\n"
        "r = Record.create(Path(sys.argv[1]), {})\n"
        "r.add(Sample(step=1, seconds=0.0, values={'loss/0': 1.0})); r.end('finished')"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=True)
    assert Run(tmp_path / "run").last_loss == 1.0
