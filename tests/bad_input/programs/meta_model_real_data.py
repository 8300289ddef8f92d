# says: NW903
# exit: 1
import torch
from torch import nn

with torch.device("meta"):
    model = nn.Linear(8, 3)
optimizer = torch.optim.Adam(model.parameters())
loss = nn.functional.cross_entropy(model(torch.randn(32, 8)), torch.zeros(32, dtype=torch.long))
loss.backward()
optimizer.step()
