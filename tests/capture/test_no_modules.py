"""A program without modules and optimizer, as courses teach it: its iterations are told apart, and `check` ends it."""

from ..programs import examine

PROGRAM = """
import torch

torch.manual_seed(0)
x = torch.randn(400, 6)
y = (x[:, 0] > 0).long()
w1 = torch.randn(6, 16) * 0.4
w2 = torch.randn(16, 2) * 0.1
parameters = [w1, w2]
for p in parameters:
    p.requires_grad = True
for i in range(STEPS):
    rows = torch.randint(0, 400, (32,))
    loss = torch.nn.functional.cross_entropy(torch.tanh(x[rows] @ w1) @ w2, y[rows])
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= 0.1 * p.grad
print("end")
"""


def test_check_sees_eight_iterations_and_ends_the_program(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("STEPS", "200_000"))
    outcome = examine(script, check=True, timeout=60)
    assert "end" not in outcome.stdout
    assert outcome.report["program"]["steps_seen"] == 8
    assert not outcome.fired, outcome.describe()


def test_run_lets_it_train_to_its_end(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM.replace("STEPS", "300"))
    outcome = examine(script)
    assert outcome.stdout == "end\n"
    assert outcome.report["program"]["steps_seen"] == 8
    assert not outcome.fired, outcome.describe()
