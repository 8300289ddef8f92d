"""The five programs: small definitions of their own, trained on made-up data, one step at a call."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(slots=True)
class Trained:
    """A network in training. ``outputs`` gives its scores of classes for the next batch; a step is ``zero_grad``, ``forward``, ``backward``, ``step``."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    outputs: Callable[[], torch.Tensor]
    targets: torch.Tensor

    def forward(self) -> torch.Tensor:
        """The loss of the next batch."""
        return nn.functional.cross_entropy(self.outputs(), self.targets)

    def step(self) -> torch.Tensor:
        """One training step; its loss."""
        self.optimizer.zero_grad()
        loss = self.forward()
        loss.backward()
        self.optimizer.step()
        return loss


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016)."""

    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(given, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or given != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(given, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        out = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.norm2(self.conv2(out)) + self.shortcut(x))


def resnet18() -> nn.Module:
    """ResNet-18 for images of 32 x 32: 11 million parameters in 62 tensors."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    given = 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(given, width, stride), Block(width, width, 1)]
        given = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Layer(nn.Module):
    """A pre-norm transformer layer with causal attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.act, self.down = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (batch, time, width), as is ``x``."""
        batch, time, width = x.shape
        parts = (
            self.qkv(self.norm1(x))
            .view(batch, time, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        seen = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        x = x + self.project(seen.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(self.act(self.up(self.norm2(x))))


class GPT(nn.Module):
    """A small GPT: 4 layers of width 128, 65 characters, 128 places; 0.8 million parameters."""

    def __init__(self, width: int = 128, places: int = 128) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(65, width), nn.Embedding(places, width)
        self.layers = nn.Sequential(*(Layer(width, 4) for _ in range(4)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 65)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the next character, of shape (batch, time, 65)."""
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.layers(x)))


class Reader(nn.Module):
    """Two LSTM layers of width 256 over 64 places of 32 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(32, 256, 2, batch_first=True), nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of 10 classes."""
        return self.head(self.lstm(x)[0][:, -1])


def _classified(model: nn.Module, x: torch.Tensor, rate: float = 0.01) -> Trained:
    y = torch.randint(0, 10, (x.shape[0],))
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    return Trained(model, optimizer, lambda: model(x), y)


def perceptron() -> Trained:
    """784-256-10, batches of 64."""
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    return _classified(model, torch.randn(64, 784))


def small_perceptron() -> Trained:
    """64-64-64-10, batches of 64, with Adam: steps as short as they come."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    made = _classified(model, torch.randn(64, 64))
    made.optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    return made


def resnet() -> Trained:
    """ResNet-18 on 32 images of 32 x 32."""
    return _classified(resnet18(), torch.randn(32, 3, 32, 32))


def gpt() -> Trained:
    """The small GPT on 16 texts of 128 characters, with AdamW."""
    model = GPT()
    tokens = torch.randint(0, 65, (16, 129))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4)
    return Trained(model, optimizer, lambda: model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def lstm() -> Trained:
    """The LSTM on 32 sequences."""
    return _classified(Reader(), torch.randn(32, 64, 32))


PROGRAMS: dict[str, Callable[[], Trained]] = {
    "small perceptron": small_perceptron,
    "perceptron": perceptron,
    "ResNet-18": resnet,
    "GPT": gpt,
    "LSTM": lstm,
}
