# exit: 1
# says: ValueError: outer
import torch
from torch import nn

model = nn.Linear(8, 1)


def inner():
    model(torch.randn(2, 7))


try:
    inner()
except RuntimeError:
    try:
        inner()
    except RuntimeError as error:
        raise ValueError("outer") from error
