"""Smaller networks out of a recorded step: against the modules that they should be, and on networks of which it is known what depth does."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright.capture.replay import CannotReplay, Replay
from netwright.capture.sandbox import untouched
from netwright.experiments import ladder
from netwright.experiments._climbing import shuffled
from netwright.experiments._stacks import find_stacks, shortened
from netwright.experiments._widths import find_units, narrowed
from netwright.rule import NotApplicable

from .test_alone import record


class Residual(nn.Module):
    """Two convolutions with a way around, activations in place, as in common ResNets."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        h = self.second(self.relu(self.norm(self.first(x))))
        h += x
        return self.relu(h)


class Loop(nn.Module):
    """Layers in a list that a loop goes over, with plain calls between them."""

    def __init__(self, layer, count, ways=None):
        super().__init__()
        self.inner = nn.Linear(6, 16)
        self.layers = nn.ModuleList([layer() for _ in range(count)])
        self.head = nn.Linear(16, 3)
        self.ways = ways

    def forward(self, x):
        x = torch.tanh(self.inner(x))
        seen = []
        for layer in self.layers:
            x = torch.tanh(layer(x))
            seen.append(x)
        return self.head(x if self.ways is None else self.ways(seen))


class Encoder(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.layers = nn.ModuleList(
            [nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True) for _ in range(count)]
        )
        self.head = nn.Linear(16, 3)

    def forward(self, batch):
        x = self.embed(batch["tokens"])
        mask = torch.zeros(x.shape[1], x.shape[1])
        for layer in self.layers:
            x = layer(x, src_mask=mask)
        return {"logits": self.head(x.mean(1))}


def plain(count):
    layers = [m for _ in range(count) for m in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), *layers, nn.Linear(16, 3))


def resnet(count):
    blocks = [Residual(8) for _ in range(count)]
    return nn.Sequential(nn.Conv2d(1, 8, 3), *blocks, nn.Flatten(), nn.Linear(8 * 36, 3))


def nested(count):
    """Two stages, each of ``count`` layers."""

    def stage():
        return nn.Sequential(*[m for _ in range(count) for m in (nn.Linear(16, 16), nn.Tanh())])

    return nn.Sequential(nn.Linear(6, 16), nn.Sequential(stage(), stage()), nn.Linear(16, 3))


def cut(model, keep):
    """The same by module surgery."""
    short = copy.deepcopy(model)
    if isinstance(short, Loop | Encoder):
        short.layers = short.layers[:keep]
    elif isinstance(short[1], Residual):
        short = nn.Sequential(short[0], *list(short[1:-2])[:keep], *short[-2:])
    else:
        short = nn.Sequential(*short[:2], *list(short[2:-1])[: 2 * keep], short[-1])
    return short


def features(*shape):
    return torch.randn(8, *(shape or (6,)))


def step_of(model, x, loss=lambda out, y: F.cross_entropy(out, y), rate=1e-3):
    y = torch.arange(8) % 3
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    step, _ = record(lambda: (lambda: loss(model(x), y), optimizer))
    return step.capture, frozenset(id(p) for p in model.parameters()), y


CASES = {
    "sequential": (lambda: plain(4), features, "Linear, ReLU", 4),
    "resnet": (lambda: resnet(4), lambda: features(1, 8, 8), "Residual", 4),
    "loop": (lambda: Loop(lambda: nn.Linear(16, 16), 4), features, "Linear, tanh", 4),
    "transformer": (
        lambda: Encoder(4),
        lambda: {"tokens": torch.randint(0, 20, (8, 5))},
        "TransformerEncoderLayer",
        4,
    ),
}


def out_of(model, x):
    out = model(x)
    return out["logits"] if isinstance(out, dict) else out


@pytest.mark.parametrize("keep", [0, 1, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_recorded_step_with_fewer_blocks_is_that_of_the_module_with_fewer_blocks(case, keep):
    torch.manual_seed(1)
    make, data, block, count = CASES[case]
    model, x = make(), data()
    before = copy.deepcopy(model)  # the step updates weights and statistics
    capture, weights, y = step_of(
        model, x, lambda out, y: F.cross_entropy(out["logits"] if isinstance(out, dict) else out, y)
    )
    (stack,) = find_stacks(capture, weights)
    assert (stack.title, len(stack.blocks)) == (block, count)
    short = shortened(capture, [stack], keep)
    names = {id(p): n for n, p in model.named_parameters()}
    first = dict(before.named_parameters())
    given = {
        short.value_of_node[(n, 0)]: first[names[id(p)]].detach().clone().requires_grad_(True)
        for n, p in short.parameters.items()
    }
    with untouched():
        (loss,) = Replay(short.tape, [short.loss], given=given).run()
        slopes = torch.autograd.grad(loss, list(given.values()))
    module = cut(before, keep)
    expected = F.cross_entropy(out_of(module, x), y)
    assert torch.allclose(loss, expected, rtol=1e-5)
    assert sum(p.numel() for p in short.parameters.values()) == sum(p.numel() for p in module.parameters())
    wanted = torch.autograd.grad(expected, list(module.parameters()))
    assert math.isclose(
        sum(float(g.square().sum()) for g in slopes),
        sum(float(g.square().sum()) for g in wanted),
        rel_tol=1e-3,
    )


def test_stages_and_their_layers_are_stacks():
    capture, weights, _ = step_of(nested(3), features())
    found = find_stacks(capture, weights)
    assert sorted((s.title, len(s.blocks)) for s in found) == [
        ("Linear, Tanh", 3),
        ("Linear, Tanh", 3),
        ("Sequential", 2),
    ]
    counts = [
        sum(c.name == "linear" for c in Replay(s.tape, [s.loss]).calls)
        for s in (shortened(capture, found, k) for k in (0, 1, 2, 3))
    ]
    assert counts == [2, 3, 6, 8]


def test_a_network_called_twice_is_shortened_in_both_calls():
    model, x = plain(4), features()
    capture, weights, _ = step_of(model, x, lambda out, y: F.cross_entropy(out + model(2 * x), y))
    found = find_stacks(capture, weights)
    assert [len(s.blocks) for s in found] == [4, 4]
    short = shortened(capture, found, 1)
    assert sum(c.name == "linear" for c in Replay(short.tape, [short.loss]).calls) == 6


@pytest.mark.parametrize(
    "model",
    [
        # The same weights again and again are no depth to take away; results that are all used are no chain.
        lambda: Loop(lambda shared=nn.Linear(16, 16): shared, 4),
        lambda: Loop(lambda: nn.Linear(16, 16), 4, ways=sum),
        lambda: nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3)),
    ],
)
def test_what_is_no_stack(model):
    capture, weights, _ = step_of(model(), features())
    assert find_stacks(capture, weights) == []


def test_weights_that_the_loss_uses_elsewhere_cannot_go():
    model = plain(3)
    capture, weights, _ = step_of(
        model,
        features(),
        lambda out, y: F.cross_entropy(out, y) + sum(p.square().sum() for p in model.parameters()),
    )
    with pytest.raises(CannotReplay):
        shortened(capture, find_stacks(capture, weights), 1)


def test_terms_of_a_loss_are_no_depth():
    heads = nn.ModuleList([nn.Linear(6, 3) for _ in range(4)])
    x, y = features(), torch.arange(8) % 3

    def loss():
        total = 0.0
        for head in heads:
            total = total + F.cross_entropy(head(x), y)
        return total / 4

    step, _ = record(lambda: (loss, torch.optim.SGD(heads.parameters(), 0.1)))
    assert find_stacks(step.capture, frozenset(id(p) for p in heads.parameters())) == []


def test_fewer_hidden_units_are_those_of_the_narrower_module():
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 16), nn.Sigmoid(), nn.Linear(16, 3)
    )  # fmt: skip
    x, first = features(1, 8, 8), copy.deepcopy(model)
    capture, weights, y = step_of(model, x)
    units = find_units(capture, weights)
    assert [(u.count, [each for _, each in u.after]) for u in units] == [(8, [9]), (16, [1])]
    start = {id(p): q.detach() for p, q in zip(model.parameters(), first.parameters(), strict=True)}
    narrow, changed = narrowed(capture, units, 0.25, start)
    given = {narrow.value_of_node[(n, 0)]: changed[id(p)] for n, p in narrow.parameters.items()}
    with untouched():
        (loss,) = Replay(narrow.tape, [narrow.loss], given=given).run()
    small = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 4), nn.Sigmoid(), nn.Linear(4, 3)
    )  # fmt: skip
    with torch.no_grad():
        for mine, other in zip(small.parameters(), first.parameters(), strict=True):
            taken = 2.0 if mine.dim() == 2 else 1.0  # the root of four, where columns went
            mine.copy_(other[tuple(slice(0, n) for n in mine.shape)] * taken)
    assert torch.allclose(loss, F.cross_entropy(small(x), y), rtol=1e-5)


def test_units_that_go_another_way_are_left():
    for model in (Loop(lambda: nn.Linear(16, 16), 2, ways=sum), plain(0)):
        capture, weights, _ = step_of(model, features())
        assert [u.count for u in find_units(capture, weights)] == [16]
    # In a transformer only what lies between the two layers of each block.
    capture, weights, _ = step_of(
        Encoder(2), {"tokens": torch.randint(0, 20, (8, 5))}, lambda out, y: F.cross_entropy(out["logits"], y)
    )
    assert [u.count for u in find_units(capture, weights)] == [32, 32]


def test_other_initial_weights_keep_values_and_singular_values():
    torch.manual_seed(0)
    start = {0: nn.init.orthogonal_(torch.empty(12, 8)), 1: torch.arange(4.0), 2: torch.randn(5, 3, 3, 3)}
    start[3] = torch.randn(6, 4)
    start[3][2] = 0  # padding
    found = shuffled(start, torch.Generator().manual_seed(1))
    assert torch.equal(found[1], start[1])
    for key in (0, 2, 3):
        assert not torch.equal(found[key], start[key])
        assert torch.equal(found[key].flatten().sort().values, start[key].flatten().sort().values)
    assert torch.allclose(found[0].T @ found[0], torch.eye(8), atol=1e-6)
    assert not found[3][2].any()


def _deep(residual, count=30):
    """The plain one has gains of about 0.41 per layer at initialization (the root of 1/6): 1e-12 over thirty."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(32, 32)

        def forward(self, x):
            h = torch.relu(self.layer(x))
            return x + h if residual else h

    def make():
        x = torch.randn(100, 32)
        y = x[:, :4].argmax(1)
        model = nn.Sequential(nn.Linear(32, 32), *[Block() for _ in range(count)], nn.Linear(32, 4))
        return lambda: F.cross_entropy(model(x), y), torch.optim.Adam(model.parameters(), lr=1e-3)

    return make


def test_plain_depth_breaks_training():
    step, optimizer = record(_deep(False))
    found = ladder(step, optimizer, seconds=300)
    assert [r.blocks for r in found.depth] == [0, 1, 2, 4, 8, 16, 30]
    learns, fails = found.breaks(0.8, 0.9)
    assert learns.blocks < fails.blocks <= 30
    assert found.depth[1].falls_to(0.8)
    assert found.longer > 0.9
    assert found.depth[1].parameters == 2 * (32 * 32 + 32) + 32 * 4 + 4
    assert len(found.depth[0].last) >= 2


def test_with_a_way_around_depth_does_not_break_it():
    step, optimizer = record(_deep(True))
    found = ladder(step, optimizer, seconds=300)
    assert found.breaks(0.8, 0.9) is None
    assert found.longer is None
    assert found.depth[-1].falls_to(0.8)


def test_the_program_stays_as_it_is_to_the_bit():
    torch.manual_seed(0)
    model = resnet(3)
    x = features(1, 8, 8)
    y = torch.arange(8) % 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    step, _ = record(lambda: (lambda: F.cross_entropy(F.dropout(model(x), 0.5), y), optimizer))
    model[1].eval()

    def state():
        parts = [*model.state_dict().values(), *(p.grad for p in model.parameters()), torch.get_rng_state()]
        parts += [s["momentum_buffer"] for s in optimizer.state.values()]
        return [p.clone() for p in parts], [m.training for m in model.modules()]

    before = state()
    found = ladder(step, optimizer, seconds=120)
    after = state()
    assert found.depth
    assert before[1] == after[1]
    assert all(torch.equal(a, b) for a, b in zip(before[0], after[0], strict=True))


def test_the_same_seed_gives_the_same_ladder_with_dropout():
    def make():
        torch.manual_seed(3)
        model, x = plain(2), features()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        return lambda: F.cross_entropy(F.dropout(model(x), 0.5), torch.arange(8) % 3), optimizer

    first, second = (ladder(*record(make), seconds=200) for _ in range(2))
    assert first.steps == second.steps
    assert [r.last for r in first.depth] == [r.last for r in second.depth]
    assert first.depth[0].last[0] != first.depth[0].last[1]


def test_nothing_to_take_away():
    def make():
        model, x = nn.Linear(6, 3), features()
        return lambda: F.cross_entropy(model(x), torch.arange(8) % 3), torch.optim.SGD(
            model.parameters(), 0.1
        )

    with pytest.raises(NotApplicable, match="blocks"):
        ladder(*record(make))
