"""Metrics read off the calls of losses are those of a plain computation, and nothing of the evaluation changes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import _get_current_function_mode_stack

from netwright.monitor.scores import Sums, add_call, series_name

from .watches import watching


def _watch(model, **options):
    return watching(model, every=1, **options)


def _numbers(name, *calls):
    sums = Sums()
    for args, kwargs in calls:
        add_call(sums, name, args, kwargs, getattr(F, name)(*args, **kwargs), 4)
    names, values = sums.numbers()
    return dict(zip(names, values.tolist(), strict=True))


def test_classification():
    scores = torch.tensor([[2.0, 0, 0], [0, 2, 0], [2, 0, 0], [0, 0, 2]])
    found = _numbers("cross_entropy", ((scores, torch.tensor([0, 1, 1, 2])), {}))
    assert found["accuracy"] == 0.75
    # per class: 2/3, 2/3, 1
    assert found["f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert "perplexity" not in found
    assert (found["answers/predicted"], found["answers/targets"]) == (0.5, 0.5)
    assert series_name("train", "answers/predicted") == "answers/train/predicted"


def test_what_is_ignored_does_not_count():
    scores = torch.randn(4, 3, 5)
    target = scores.argmax(1)
    target[:, 0] = (target[:, 0] + 1) % 3
    target[:, 1] = -100
    found = _numbers("cross_entropy", ((scores, target), {}))
    assert found["accuracy"] == 0.75
    assert found["perplexity"] == pytest.approx(float(torch.exp(F.cross_entropy(scores, target))))
    masked = torch.where(target < 0, 0, target + 1)
    wider = torch.cat([torch.full((4, 1, 5), -9.0), scores], 1)
    assert _numbers("cross_entropy", ((wider, masked), {"ignore_index": 0}))["accuracy"] == 0.75


def test_binary_values_and_images():
    logits, truth = torch.tensor([2.0, -1, 3, -2]), torch.tensor([1.0, 0, 0, 0])
    assert _numbers("binary_cross_entropy_with_logits", ((logits, truth), {}))["accuracy"] == 0.75
    given, wanted = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])
    assert _numbers("mse_loss", ((given, wanted), {}))["absolute_error"] == 1.0
    scores = torch.zeros(1, 2, 2, 2)
    scores[:, 1, 0] = 1  # the upper row is of class 1
    target = torch.tensor([[[1, 0], [0, 0]]])
    assert _numbers("cross_entropy", ((scores, target), {}))["mean_iou"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_training_and_evaluation_are_told_apart():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
    wanted = []
    with _watch(model) as watcher:
        for _ in range(3):
            model.train()
            for _ in range(4):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
                assert not _get_current_function_mode_stack()
            model.eval()
            with torch.no_grad():
                out = [model(part) for part in x.split(16)]
                losses = [F.cross_entropy(o, t) for o, t in zip(out, y.split(16), strict=True)]
                wanted.append((float((torch.cat(out).argmax(1) == y).float().mean()), float(sum(losses) / 2)))
        model.train()
        assert not _get_current_function_mode_stack()
    series = watcher.history(ended=True).series
    assert series["metric/eval/accuracy"].steps == (4, 8, 12)
    assert series["metric/eval/accuracy"].values == pytest.approx([a for a, _ in wanted])
    assert series["metric/eval/loss"].values == pytest.approx([v for _, v in wanted])
    assert len(series["metric/train/accuracy"]) == 12
    assert series["metric/train/loss"].values == pytest.approx(series["loss/0"].values)


def test_fused_kernels_of_an_evaluation_stay():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.randn(4, 5, 16)

    def trained():
        model.train()
        model(x).square().mean().backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            return model(x)

    with _watch(model):
        watched = trained()
        model.eval()
    with torch.no_grad():
        assert torch.equal(watched, model(x))
