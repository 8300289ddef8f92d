# says: backward was never called; seen instead: a forward pass of Linear
import torch
from torch import nn

model = nn.Linear(4, 2)
with torch.no_grad():
    print(tuple(model(torch.ones(3, 4)).shape))
