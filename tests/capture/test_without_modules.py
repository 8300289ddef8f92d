"""Programs of plain tensors, without a module: their step runs again, and their data is looked at."""

from ..programs import examine

PROGRAM = """
import torch
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.tensor([[(7 * i + 3 * j) % 27 for j in range(3)] for i in range(900)])
y = torch.tensor([(7 * i + 9) % 27 for i in range(900)])
C = torch.randn(27, 8)
W1 = torch.randn(24, 50) * 0.2
b1 = torch.zeros(50)
W2 = torch.randn(50, 27) * 0.1
parameters = [C, W1, b1, W2]
for p in parameters:
    p.requires_grad = True
for step in range(30):
    rows = torch.randint(0, 900, (64,))
    logits = torch.tanh(C[x[rows]].view(64, -1) @ W1 + b1) @ W2
    loss = F.cross_entropy(logits, y[rows])
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= 0.1 * p.grad
"""


def test_tensors_told_to_want_a_gradient_later_are_parameters(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(PROGRAM)
    outcome = examine(script)
    assert outcome.fired == []
    states = {c["code"]: c["state"] for c in outcome.report["checked"]}
    # These need the step to run again, and the door to be known.
    assert [states[c] for c in ("NW206", "NW105", "NW113", "NW216", "NW221")] == ["passed"] * 5


def test_large_inputs_of_a_product_with_weights_are_seen(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        "import torch\n"
        "torch.manual_seed(0)\n"
        "x = torch.rand(200, 4) * 1000\n"
        "y = 3 * x.sum(1, keepdim=True) + torch.randn(200, 1)\n"
        "w = torch.randn(4, 1, requires_grad=True)\n"
        "for step in range(40):\n"
        "    loss = ((x @ w - y) ** 2).mean()\n"
        "    loss.backward()\n"
        "    with torch.no_grad():\n"
        "        w -= 1e-8 * w.grad\n"
        "        w.grad.zero_()\n"
    )
    (finding,) = [f for f in examine(script).fired if f["code"] == "NW101"]
    assert finding["where"]["line"] == 7
