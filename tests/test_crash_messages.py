"""What torch really says, and which rule explains it: the messages come from small failing calls, those of CUDA by hand."""

import io
import os
import pickle
import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netwright.evidence import Crash, ModuleCall, TensorInfo, Where
from netwright.registry import find_rule
from netwright.rule import NotApplicable

META = torch.device("meta")
HERE = Where(file="/project/train.py", line=40, function="<module>", code="out = model(x)")
MADE = Where(file="/project/model.py", line=12, function="__init__", code="self.fc = nn.Linear(400, 120)")
CODES = [f"NW90{i}" for i in range(1, 10)] + ["NW910"]


def labels(*values):
    return torch.tensor(values)


def written_before_backward():
    h = nn.Linear(4, 4)(torch.randn(2, 4)).sigmoid()
    h += 1
    h.sum().backward()


def weight_written_before_backward():
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    loss = net(torch.randn(2, 4)).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    loss.backward()


def leaf_written():
    w = torch.randn(3, requires_grad=True)
    w += 1


def part_written():
    a, _ = nn.Linear(4, 4)(torch.randn(2, 4)).unbind(0)
    a += 1


def backward_twice():
    loss = nn.Linear(4, 4)(torch.randn(2, 4)).pow(2).sum()
    loss.backward()
    loss.backward()


def number_backward():
    loss = nn.Linear(4, 1)(torch.randn(2, 4)).mean().item()
    loss.backward()


class Killed(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def worker_killed():
    list(torch.utils.data.DataLoader(Killed(), num_workers=1))


def loaded(into, state):
    return lambda: into.load_state_dict(state)


def named(prefix, network):
    return {prefix + k: v for k, v in network.state_dict().items()}


def saved_with_a_lambda():
    network = nn.Linear(3, 4)
    network.activate = lambda x: x
    torch.save(network, io.BytesIO())


def saved_whole():
    file = io.BytesIO()
    torch.save(nn.Linear(2, 2), file)
    file.seek(0)
    torch.load(file)


ADAM = torch.optim.Adam
r = torch.randn
REAL = {
    "NW901": [
        lambda: nn.Linear(400, 120)(r(32, 576)),
        lambda: nn.Linear(400, 120)(r(4, 7, 576)),
        lambda: r(3, 4) @ r(5, 6),
        lambda: torch.bmm(r(2, 3, 4), r(2, 5, 6)),
        lambda: r(3, 4) @ r(5),
        lambda: nn.Conv2d(3, 16, 3)(r(8, 1, 28, 28)),
        lambda: nn.Conv2d(3, 16, 3)(r(8, 784)),
        lambda: nn.Conv1d(3, 16, 3)(r(8, 3, 4, 4)),
        lambda: nn.ConvTranspose2d(3, 16, 3)(r(8, 4, 28, 28)),
        lambda: nn.BatchNorm2d(32)(r(8, 64, 4, 4)),
        lambda: nn.BatchNorm2d(32)(r(8, 32)),
        lambda: nn.BatchNorm1d(32)(r(1, 32)),
        lambda: r(32, 16, 6, 6).view(-1, 400),
        lambda: r(4, 3, 2).transpose(1, 2).view(4, -1),
        lambda: r(32, 10) + r(32, 12),
        lambda: torch.cat([r(4, 16, 8, 8), r(4, 16, 9, 9)], 1),
        lambda: torch.stack([r(3), r(4)]),
        lambda: F.cross_entropy(r(64, 10), torch.zeros(32, dtype=torch.long)),
        lambda: F.cross_entropy(r(64, 10), torch.zeros(64, 1, dtype=torch.long)),
        lambda: F.cross_entropy(r(8, 20, 10), torch.zeros(8, 20, dtype=torch.long)),
        lambda: F.cross_entropy(r(64, 10), torch.zeros(64, dtype=torch.long), weight=torch.ones(3)),
        lambda: F.binary_cross_entropy(r(32, 1).sigmoid(), torch.zeros(32)),
        lambda: F.binary_cross_entropy_with_logits(r(32, 1), torch.zeros(32)),
        lambda: nn.LSTM(10, 20)(r(5, 3, 8)),
        lambda: nn.GRU(10, 20)(r(5, 3, 10), r(1, 4, 20)),
        lambda: nn.LSTM(10, 20)(r(5, 3, 2, 10)),
        lambda: nn.LayerNorm(10)(r(32, 20)),
        lambda: nn.GroupNorm(4, 32)(r(8, 16, 4, 4)),
        lambda: nn.Conv2d(3, 16, 3)(r(8, 3, 2, 2)),
        lambda: nn.MaxPool2d(2)(r(8, 64, 1, 1)),
        lambda: nn.MultiheadAttention(64, 4)(r(5, 2, 32), r(5, 2, 32), r(5, 2, 32)),
        lambda: torch.einsum("ij,jk->ik", r(3, 4), r(5, 6)),
        lambda: r(3, 4).expand(5, 4),
        lambda: r(3).mean(1),
        lambda: F.nll_loss(r(10), torch.zeros(10, dtype=torch.long)),
        lambda: torch.tensor([[1, 2], [3]]),
        lambda: nn.Bilinear(3, 4, 5)(r(2, 3), r(2, 5)),
    ],
    "NW902": [
        lambda: nn.Linear(3, 1)(r(4, 3).double()),
        lambda: nn.Linear(3, 1)(torch.ones(4, 3).long()),
        lambda: r(3, 4) @ r(4, 5).double(),
        lambda: nn.Conv2d(3, 4, 3)(r(2, 3, 8, 8).double()),
        lambda: nn.Conv2d(3, 4, 3)(torch.ones(2, 3, 8, 8).byte()),
        lambda: nn.Conv2d(3, 4, 3, bias=False)(r(2, 3, 8, 8).double()),
        lambda: nn.BatchNorm1d(3)(r(2, 3).double()),
        lambda: nn.LSTM(3, 4)(r(2, 3, 3).double()),
        lambda: nn.Embedding(10, 4)(r(3)),
        lambda: F.one_hot(r(3)),
        lambda: torch.ones(3).long().mean(),
        lambda: torch.ones(3).long().softmax(0),
        lambda: torch.ones(3, dtype=torch.long, requires_grad=True),
        lambda: torch.from_numpy(np.array([1, "a"], dtype=object)),
        lambda: r(3)[r(2)],
        lambda: torch.ones(3).long().add_(r(3)),
        lambda: r(3, 3).gather(1, r(3, 1)),
        lambda: F.cross_entropy(r(64, 10), torch.zeros(64)),
        lambda: F.cross_entropy(r(64, 10), torch.zeros(64, 10, dtype=torch.long)),
        lambda: F.cross_entropy(r(4, 3).double(), labels(0, 1, 2, 0), weight=torch.ones(3)),
        lambda: F.binary_cross_entropy(r(3).sigmoid(), torch.ones(3).double()),
        lambda: F.binary_cross_entropy(r(3).sigmoid(), torch.ones(3).long()),
        lambda: F.binary_cross_entropy_with_logits(r(3, requires_grad=True), torch.ones(3).long()).backward(),
        lambda: torch.zeros(3).index_add_(0, labels(0), r(1).double()),
        lambda: F.scaled_dot_product_attention(r(1, 2, 3, 4), r(1, 2, 3, 4).double(), r(1, 2, 3, 4)),
        lambda: torch.ones(3).bool() - torch.ones(3).bool(),
        lambda: nn.Linear(3, 1)(np.zeros((4, 3))),
        lambda: F.cross_entropy((r(3, 3),), labels(0, 1, 2)),
    ],
    "NW903": [
        lambda: nn.Linear(3, 1)(torch.ones(4, 3, device=META)),
        lambda: torch.ones(4, 3, device=META) + r(4, 3),
        lambda: nn.LSTM(3, 4, device=META)(r(2, 3, 3)),
        lambda: nn.Linear(3, 1, device=META).to("cpu"),
        lambda: torch.ones(1, device=META).numpy(),
        lambda: torch.ones(1, device=META).item(),
    ],
    "NW904": [
        lambda: torch.zeros(10**14),
        lambda: r(10**6, 1).matmul(r(1, 10**8)),
        lambda: np.zeros((10**7, 10**7)),
        lambda: torch.empty(2**62),
        lambda: [0] * 2**60,
    ],
    "NW905": [
        lambda: nn.Embedding(10, 4)(labels(10)),
        lambda: F.cross_entropy(r(4, 3), labels(0, 1, 2, 3)),
        lambda: F.cross_entropy(r(4, 3), labels(0, 1, 2, -1)),
        lambda: F.cross_entropy(r(4, 1), labels(0, 1, 0, 1)),
        lambda: r(4, 3).gather(1, labels(5).unsqueeze(0)),
        lambda: r(4)[labels(5)],
        lambda: F.one_hot(labels(5), 3),
        lambda: F.multi_margin_loss(r(4, 3), labels(0, 1, 2, 3)),
        lambda: nn.EmbeddingBag(3, 2)(labels(4).unsqueeze(0)),
        lambda: F.binary_cross_entropy(r(32, 1) * 9, torch.zeros(32, 1)),
        lambda: F.binary_cross_entropy(r(32).sigmoid(), torch.full((32,), 2.0)),
    ],
    "NW906": [written_before_backward, weight_written_before_backward, leaf_written, part_written],
    "NW907": [
        backward_twice,
        number_backward,
        lambda: r(3).sum().backward(),
        lambda: nn.Linear(4, 4)(r(2, 4)).backward(),
        lambda: torch.autograd.grad(nn.Linear(4, 1)(r(2, 4)).sum(), [r(3, requires_grad=True)]),
    ],
    "NW908": [worker_killed],
    "NW909": [
        loaded(nn.Linear(3, 4), named("module.", nn.Linear(3, 4))),
        loaded(nn.Sequential(nn.Linear(3, 4)), nn.Linear(3, 4).state_dict()),
        loaded(nn.Linear(3, 4), nn.Linear(3, 5).state_dict()),
        loaded(nn.Linear(3, 4), nn.Linear(3, 4)),
        lambda: ADAM(nn.Linear(3, 4).parameters()).load_state_dict(ADAM([r(2)]).state_dict()),
        lambda: ADAM([r(2)]).load_state_dict(ADAM([{"params": [r(2)]}, {"params": [r(2)]}]).state_dict()),
    ],
    "NW910": [
        saved_with_a_lambda,
        saved_whole,
        lambda: pickle.dumps(i for i in range(3)),
        lambda: pickle.dumps(lambda: 3),
        lambda: pickle.loads(b"cnetwright\nNothing\n."),
    ],
}
BY_HAND = [
    (
        "NW903",
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
    ),
    (
        "NW903",
        "Expected all tensors to be on the same device, but got mat1 is on cpu, different from other tensors on cuda:0 "
        "(when checking argument in method wrapper_CUDA_addmm)",
    ),
    ("NW903", "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same"),
    (
        "NW903",
        "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
    ),
    ("NW903", "Torch not compiled with CUDA enabled"),
    (
        "NW903",
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
        "CPU-only machine, please use torch.load with map_location=torch.device('cpu')",
    ),
    (
        "NW904",
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7.79 GiB of which 12.06 MiB is free. "
        "Of the allocated memory 7.30 GiB is allocated by PyTorch",
    ),
    (
        "NW908",
        "DataLoader worker (pid 4242) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit.",
    ),
    ("NW908", "DataLoader worker (pid 4242) is killed by signal: Killed. "),
    ("NW908", "DataLoader timed out after 30 seconds"),
    ("NW908", "received 0 items of ancdata"),
    (
        "NW910",
        "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' start method",
    ),
    (
        "NW910",
        "An attempt has been made to start a new process before the\n        current process has finished its bootstrapping phase.",
    ),
    ("NW910", "Can't get local object 'main.<locals>.<lambda>'"),
    (
        "NW905",
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
    ),
]


def crash(error, **changes):
    return Crash(
        **{"type": type(error).__name__, "message": str(error), "where": HERE, "phase": "forward", **changes}
    )


def judge(code, evidence):
    try:
        return find_rule(code).function(crash=evidence)
    except NotApplicable:
        return None


@pytest.mark.parametrize(
    ("code", "fail"), [pytest.param(c, f, id=f"{c}-{i}") for c, fs in REAL.items() for i, f in enumerate(fs)]
)
def test_one_rule_explains_what_torch_says(code, fail):
    with pytest.raises(Exception) as info:
        fail()
    told = {c: f for c in CODES if (f := judge(c, crash(info.value)))}
    assert set(told) == {code}, str(info.value)
    assert told[code].fix
    assert told[code].expected
    assert "{" not in told[code].message + told[code].fix
    assert told[code].where == HERE


@pytest.mark.parametrize(("code", "message"), BY_HAND)
def test_messages_of_other_devices(code, message):
    evidence = crash(RuntimeError(message))
    assert {c for c in CODES if judge(c, evidence)} == {code}


@pytest.mark.parametrize(
    "error",
    [
        ValueError("could not convert string to float: 'a'"),
        KeyError("x"),
        IndexError("list index out of range"),
    ],
)
def test_exceptions_of_the_program_are_left_alone(error):
    assert not [c for c in CODES if judge(c, crash(error))]


def test_linear_names_features_module_line_and_mend():
    call = ModuleCall(
        module="fc1",
        type="Linear",
        inputs=(TensorInfo(shape=(32, 576), dtype="float32"),),
        outputs=(),
        made=MADE,
        failed=True,
        config={"in_features": 400, "out_features": 120},
    )
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (32x576 and 400x120)")
    found = judge(
        "NW901",
        crash(
            error,
            op="linear",
            op_args=(call.inputs[0], TensorInfo(shape=(120, 400), dtype="float32")),
            module="fc1",
            module_type="Linear",
            made=MADE,
            calls=(call,),
        ),
    )
    assert "expects 400 features but gets 576" in found.message
    assert "`fc1` (made at model.py:12)" in found.message
    assert "in_features=576" in found.fix
    assert found.where.line == 12
    assert HERE in found.also
    assert found.measured["got_size"] == 576


def test_unflattened_map_is_told_to_be_flattened():
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (3072x6 and 576x10)")
    shape = TensorInfo(shape=(32, 16, 6, 6), dtype="float32")
    found = judge(
        "NW901", crash(error, op="linear", op_args=(shape,), module="fc", module_type="Linear", made=MADE)
    )
    assert "flatten" in found.fix


def test_labels_from_one_are_told_to_start_at_zero():
    from netwright.evidence import Stats

    seen = Stats(count=4, mean=2.0, std=1.0, min=1.0, max=3.0, integers=True)
    args = (TensorInfo(shape=(4, 3), dtype="float32"), TensorInfo(shape=(4,), dtype="int64", stats=seen))
    found = judge(
        "NW905",
        crash(IndexError("Target 3 is out of bounds."), op="cross_entropy", op_args=args, phase="loss"),
    )
    assert "y - 1" in found.fix


def test_memory_is_shown_by_what_holds_it():
    error = RuntimeError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB"
    )
    held = {"parameters": 2**30, "optimizer": 2**31}
    found = judge("NW904", crash(error, bytes_by_kind=held))
    assert "optimizer 2 GiB, parameters 1 GiB" in found.message
    assert found.measured["asked_bytes"] == 2 * 2**30


@pytest.mark.parametrize(
    ("into", "state", "says", "does"),
    [
        (nn.Linear(3, 4), named("module.", nn.Linear(3, 4)), "DataParallel", "if_present(state, 'module.')"),
        (
            nn.Linear(3, 4),
            named("_orig_mod.", nn.Linear(3, 4)),
            "torch.compile",
            "if_present(state, '_orig_mod.')",
        ),
        (
            nn.ModuleDict({"module": nn.Linear(3, 4)}),
            nn.Linear(3, 4).state_dict(),
            "is wrapped",
            "before the",
        ),
        (
            nn.Linear(3, 4),
            nn.Linear(3, 5).state_dict(),
            "(5, 3) in the checkpoint and (4, 3)",
            "strict=False",
        ),
        (nn.Sequential(nn.Linear(3, 4)), nn.Linear(3, 4).state_dict(), "2 names are missing", "as it was"),
    ],
)
def test_what_a_checkpoint_lacks_is_named(into, state, says, does):
    with pytest.raises(RuntimeError) as info:
        into.load_state_dict(state)
    found = judge("NW909", crash(info.value))
    assert says in found.message
    assert does in found.fix
