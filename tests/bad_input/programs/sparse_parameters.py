import torch
from torch import nn


class Graph(nn.Module):
    def __init__(self, adjacency):
        super().__init__()
        self.adjacency = nn.Parameter(adjacency, requires_grad=False)
        self.linear = nn.Linear(8, 2)

    def forward(self, x):
        return self.linear(torch.sparse.mm(self.adjacency, x))


torch.manual_seed(0)
dense = (torch.rand(32, 32) < 0.1).float() + torch.eye(32)
dense = dense / dense.sum(1, keepdim=True)
model = Graph(dense.to_sparse())
csr = Graph(dense.to_sparse_csr())
optimizer = torch.optim.Adam(model.linear.parameters(), lr=1e-2)
x, y = torch.randn(32, 8), torch.randint(0, 2, (32,))
for step in range(30):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y) + 0.1 * nn.functional.cross_entropy(csr(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
