"""``netwright fix`` that is told to end says so and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 5)])
def test_nothing_is_left(tmp_path, number, code):
    (tmp_path / "train.py").write_text("import time\ntime.sleep(60)\n")
    shadow = tmp_path / "temporary"
    shadow.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "netwright", "fix", "train.py"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(shadow)},
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(1200):
        if list(shadow.glob("netwright-*")):
            break
        time.sleep(0.05)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == code, said
    assert "interrupted" in said
    assert list(shadow.glob("netwright-*")) == []
