"""Outputs of modules: what is worked out later is what the outputs were when they came, whatever is written over them in between."""

import pytest
import torch
from torch import nn

from netwright.monitor import Watcher
from netwright.monitor.activations import MOST_VALUES, Shelf

WIDTH = 8


def _deep() -> nn.Sequential:
    """More modules than copies are kept at once; every batch normalization's output is overwritten."""
    torch.manual_seed(0)
    blocks = [
        m for _ in range(8) for m in (nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(inplace=True))
    ]
    return nn.Sequential(*blocks, nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 2))


def _plain(name, module, args, out):
    values = out.detach()
    found = {
        "mean": values.mean(),
        "std": values.std(unbiased=False),
        "min": values.min(),
        "max": values.max(),
        "zero_share": (values == 0).float().mean(),
    }
    if isinstance(module, nn.ReLU):
        found["dead_share"] = (values == 0).all(0).float().mean()
    if isinstance(module, nn.BatchNorm1d):
        distance = (args[0].detach().mean(0) - module.running_mean) / (module.running_var + module.eps).sqrt()
        found["running_distance"] = distance.square().mean().sqrt()
    return {f"module/{name}/{quantity}": float(value) for quantity, value in found.items()}


def _watched(model, step):
    """The numbers of one step, and what hooks of a plain kind saw in its first pass."""
    expected = {}

    def hook(name):
        def plain(module, args, out):
            if module.training:
                for quantity, value in _plain(name, module, args, out).items():
                    expected.setdefault(quantity, value)

        return plain

    watcher = Watcher(None, every=1)
    watcher.follow(model)
    watcher.start()
    handles = [m.register_forward_hook(hook(name)) for name, m in model.named_children()]
    step()
    for handle in handles:
        handle.remove()
    watcher.close()
    assert watcher.broken is None, watcher.broken
    return {n: s.values[0] for n, s in watcher.history().series.items()}, expected


@pytest.mark.parametrize("evaluates", [False, True], ids=["", "evaluating within the step"])
def test_every_output_is_read_as_it_came(evaluates):
    model = _deep()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.randn(16, WIDTH)

    def step():
        for part in (x, x + 1):  # the second pass changes the running statistics once more
            model(part).square().mean().backward()
            if evaluates:
                model.eval()
                with torch.no_grad():
                    model(x)
                model.train()
        optimizer.step()

    found, expected = _watched(model, step)
    assert len(expected) > 100
    assert {n: found.get(n) for n in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert sum(n.endswith("/grad_norm") and n.startswith("module/") for n in found) == len(model)


def test_what_is_put_on_the_shelf_is_spread_over_the_tensor():
    shelf = Shelf()
    image = torch.arange(8 * 64 * 32 * 32, dtype=torch.float32).view(8, 64, 32, 32)
    for tensor in (image, image.to(memory_format=torch.channels_last), image.bfloat16()):
        there = shelf.put(tensor, 1)
        assert there.is_contiguous()
        assert there.dtype is torch.float32
        assert there.shape[:2] == (8, 64)  # every sample and every unit
        assert there.numel() <= MOST_VALUES
        assert torch.equal(there, tensor[:, :, :: 32 // there.shape[2], :: 32 // there.shape[3]].float())
    many = shelf.put(torch.ones(3, 2 * MOST_VALUES), 1)
    assert many.shape == (1, 2 * MOST_VALUES)
