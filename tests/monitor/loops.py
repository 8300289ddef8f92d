"""Small training loops of many kinds; each gives the losses and the trained weights."""

import torch
from torch import nn
from torch.nn import functional as F


def _batches(steps, width=16, rows=8):
    for _ in range(steps):
        x = torch.randn(rows, width)
        yield x, x[:, :4].argmax(1)


def _network():
    return nn.Sequential(
        nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(32, 4)
    )


def eager(steps, watched):
    model = _network()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    losses = []
    with watched(model):
        for x, y in _batches(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            losses.append(loss.item())
    return losses, model.state_dict()


def autocast(steps, watched):
    model = _network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    losses = []
    with watched(model):
        for x, y in _batches(steps):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, model.state_dict()


def accumulation(steps, watched):
    model = _network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    with watched(model):
        for number, (x, y) in enumerate(_batches(3 * steps)):
            loss = F.cross_entropy(model(x), y) / 3
            loss.backward()
            losses.append(loss.item())
            if number % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
    return losses, model.state_dict()


def lbfgs(steps, watched):
    model = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 4))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)
    x, y = next(_batches(1, rows=32))
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with watched(model):
        losses += [optimizer.step(closure).item() for _ in range(steps)]
    return losses, model.state_dict()


def gan(steps, watched):
    both = nn.ModuleDict(
        {
            "make": nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)),
            "judge": nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)),
        }
    )
    makes = torch.optim.Adam(both["make"].parameters(), 1e-3)
    judges = torch.optim.Adam(both["judge"].parameters(), 1e-3)
    losses = []
    with watched(both):
        for _ in range(steps):
            made = both["make"](torch.randn(8, 4))
            judges.zero_grad()
            loss = (
                F.softplus(-both["judge"](torch.randn(8, 2))).mean()
                + F.softplus(both["judge"](made.detach())).mean()
            )
            loss.backward()
            judges.step()
            makes.zero_grad()
            other = F.softplus(-both["judge"](made)).mean()
            other.backward()
            makes.step()
            losses += [loss.item(), other.item()]
    return losses, both.state_dict()


def compiled(steps, watched):
    model = _network()
    fast = torch.compile(model, backend="aot_eager")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    with watched(fast):
        for x, y in _batches(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(fast(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, model.state_dict()


def checkpointed(steps, watched):
    model = _network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    with watched(model):
        for x, y in _batches(steps):
            optimizer.zero_grad()
            out = torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False)
            loss = F.cross_entropy(out, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses, model.state_dict()


LOOPS = (eager, autocast, accumulation, lbfgs, gan, compiled, checkpointed)
