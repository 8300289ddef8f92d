import random

import torch

g = torch.Generator().manual_seed(2147483647)
random.seed(42)
torch.manual_seed(3)
C = torch.randn((27, 10), generator=g)
W1 = torch.randn((30, 50), generator=g) * 0.1
b1 = torch.randn(50, generator=g) * 0.01
W2 = torch.randn((50, 27), generator=g) * 0.01
b2 = torch.zeros(27)
parameters = [C, W1, b1, W2, b2]
for p in parameters:
    p.requires_grad = True
X = torch.randint(27, (1000, 3), generator=g)
Y = (X.sum(1)) % 27
for i in range(60):
    ix = torch.randint(0, X.shape[0], (32,), generator=g)
    h = torch.tanh(C[X[ix]].view(-1, 30) @ W1 + b1)
    logits = h @ W2 + b2
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdim=True)
    loss = -probs[torch.arange(32), Y[ix]].log().mean()
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data += -0.1 * p.grad
    print(i, loss.item(), random.random())
state = {str(i): p.detach() for i, p in enumerate(parameters)}
