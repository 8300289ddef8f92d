# says: ran in another thread
import threading

import torch
from torch import nn

torch.manual_seed(0)
results = []


def train():
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    for _ in range(12):
        optimizer.zero_grad()
        loss = model(torch.ones(4, 8)).square().mean()
        loss.backward()
        optimizer.step()
    results.append(loss.item())


thread = threading.Thread(target=train)
thread.start()
thread.join()
print(results)
