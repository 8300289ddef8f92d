"""How a program is started and how it ends: as python does it. Whole processes, several at a time."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(64, 8), torch.randn(64, 1)
for step in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item(), flush=True)
"""
SOURCE = str(Path(__file__).parents[2] / "src")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": SOURCE, "NO_COLOR": "1"}
NETWRIGHT = ("-m", "netwright", "run")
CHECK = ("-m", "netwright", "check")


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )


def both(*arguments: str, folder: Path) -> tuple[subprocess.CompletedProcess, subprocess.CompletedProcess]:
    plain = python(*arguments, folder=folder)
    return plain, python(*NETWRIGHT, *arguments, folder=folder)


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["nosuch.py", "some where/train.py", "nosuch"])
def test_no_such_script(tmp_path, name):
    ran = python(*NETWRIGHT, name, folder=tmp_path)
    assert ran.returncode == 2
    assert "there is no script" in ran.stderr
    assert not (tmp_path / ".netwright").exists()


def test_no_such_module(tmp_path):
    ran = python(*NETWRIGHT, "-m", "no_such_module_here", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "No module named no_such_module_here" in ran.stderr


def test_a_folder_without_a_main(tmp_path):
    (tmp_path / "folder").mkdir()
    ran = python(*NETWRIGHT, "folder", folder=tmp_path)
    assert ran.returncode == 2
    assert "folder holds no __main__.py" in ran.stderr


def test_a_folder_with_a_main(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text(
        "import sys, other\nprint(__name__, other.x, sys.argv)\n"
    )
    (tmp_path / "folder" / "other.py").write_text("x = 5\n")
    plain = python("folder", "--an", "argument", folder=tmp_path)
    ours = python(*NETWRIGHT, "folder", "--an", "argument", folder=tmp_path)
    assert ours.stdout.replace(str(tmp_path) + "/", "") == plain.stdout.replace(str(tmp_path) + "/", "")
    assert ours.returncode == plain.returncode == 0


@pytest.mark.parametrize(
    "content", [b"def f(:\n", b"print 'two'\n", b"\x00\xff\x80 binary", "x = 'é'".encode("latin-1")]
)
def test_not_python(tmp_path, content):
    (tmp_path / "bad.py").write_bytes(content)
    plain, ours = both("bad.py", folder=tmp_path)
    assert ours.returncode == plain.returncode == 1
    assert "SyntaxError" in ours.stderr
    assert "launch.py" not in ours.stderr
    assert "Traceback" not in ours.stderr
    if b"\x00" not in content and content.isascii():
        assert ours.stderr.startswith(plain.stderr)


def test_a_script_that_never_imports_torch(tmp_path):
    (tmp_path / "hello.py").write_text("import sys\nprint('hello', sys.argv, __file__)\n")
    plain, ours = both("hello.py", "--json", "x", folder=tmp_path)
    assert ours.stdout.replace(str(tmp_path) + "/", "") == plain.stdout.replace(str(tmp_path) + "/", "")
    assert "never imported torch" in words(ours.stderr)


@pytest.mark.parametrize(
    ("ending", "code"),
    [("sys.exit(3)", 3), ("sys.exit('no data')", 1), ("os._exit(5)", 5), ("sys.exit(-1)", 255), ("1 / 0", 1)],
)
def test_ending(tmp_path, ending, code):
    (tmp_path / "end.py").write_text(f"import os, sys\nprint('x', flush=True)\n{ending}\n")
    plain, ours = both("end.py", folder=tmp_path)
    assert ours.returncode == plain.returncode == code
    assert ours.stdout == plain.stdout
    assert ours.stderr.startswith(plain.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle(tmp_path, number):
    (tmp_path / "long.py").write_text(TRAIN + "import time\nwhile True:\n    time.sleep(0.05)\n")
    command = [sys.executable, *NETWRIGHT, "long.py"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background is started with the signal ignored, and hands that on.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as child:
        line = child.stdout.readline()
        time.sleep(0.1)
        child.send_signal(number)
        try:
            _, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert re.match(r"0\.\d+", line)
    assert child.returncode == -number
    assert ("KeyboardInterrupt" in err) == (number == signal.SIGINT)
    assert ("ended from outside (SIGTERM)" in words(err)) == (number == signal.SIGTERM)
    assert "netwright: long.py: nothing to mend" in words(err)
    assert "/netwright/launch.py" not in err


def test_the_report_cannot_be_written(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN + "raise SystemExit(3)\n")
    (tmp_path / ".netwright").write_text("a file where the folder should be")
    plain, ours = both("train.py", folder=tmp_path)
    assert ours.stdout == plain.stdout
    assert ours.returncode == plain.returncode == 3
    assert "nothing to mend" in ours.stderr
    assert "cannot be recorded in .netwright" in words(ours.stderr).replace(str(tmp_path) + "/", "")
    assert "Traceback" not in ours.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_the_disk_is_full(tmp_path):
    (tmp_path / "quick.py").write_text("print('done')\nraise SystemExit(7)\n")
    ours = python(*NETWRIGHT, "--json", "/dev/full", "--html", "page.html", "quick.py", folder=tmp_path)
    assert ours.returncode == 7
    assert "could not be written to /dev/full: No space left on device" in words(ours.stderr)
    assert (tmp_path / "page.html").stat().st_size > 1000
    assert "Traceback" not in ours.stderr


@pytest.mark.parametrize("wait", ["0", "0.2"])
def test_check_ends_a_program_that_swallows_everything(tmp_path, wait):
    (tmp_path / "stubborn.py").write_text(
        TRAIN.replace("range(12)", "range(2)")
        + "while True:\n    try:\n        optimizer.zero_grad(); model(x).mean().backward(); optimizer.step()\n    except:\n        pass\n"
    )
    ours = python(*CHECK, "--wait-evaluation", wait, "stubborn.py", folder=tmp_path)
    assert ours.returncode == 0, ours.stderr
    assert "netwright" in ours.stderr or "Diagnosis" in ours.stderr


def test_module_with_relative_imports(tmp_path):
    package = tmp_path / "my package" / "pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text("width = 16\n")
    (package / "train.py").write_text(
        "import sys\nfrom .parts import width\n"
        + TRAIN
        + "print(width, __name__, __package__, sys.argv, __spec__.name)\n"
    )
    plain = python("-m", "pkg.train", "--lr", "1", folder=package.parent)
    ours = python(*NETWRIGHT, "-m", "pkg.train", "--lr", "1", folder=package.parent)
    assert plain.returncode == 0, plain.stderr
    assert ours.stdout == plain.stdout
    assert ours.returncode == 0


def test_path_with_spaces_and_children(tmp_path):
    """Pickled classes of ``__main__``, a function of ``__main__`` in a spawned process, spawned workers, modules beside the script."""
    folder = tmp_path / "my experiments" / "run 1"
    folder.mkdir(parents=True)
    (folder / "beside.py").write_text("value = 7\n")
    (folder / "train it.py").write_text(
        f"""import multiprocessing, os, pickle, sys
import beside
class Config:
    width = 3
def work(number):
    import __main__
    return number * beside.value, __name__
class Squares:
    def __len__(self):
        return 8
    def __getitem__(self, index):
        import torch
        return torch.full((8,), index / 8)
if __name__ == "__main__":
    print(os.getcwd(), __file__, sys.argv, sys.path[0], type(pickle.loads(pickle.dumps(Config()))) is Config)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
{"".join("    " + line + chr(10) for line in TRAIN.strip().splitlines())}
    from torch.utils.data import DataLoader
    loader = DataLoader(Squares(), batch_size=4, num_workers=1, multiprocessing_context="spawn")
    print(sum(float(batch.sum()) for batch in loader))
"""
    )
    plain, ours = both("run 1/train it.py", "a b", folder=folder.parent)
    assert plain.returncode == 0, plain.stderr
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout == plain.stdout
    assert "nothing to mend" in ours.stderr
