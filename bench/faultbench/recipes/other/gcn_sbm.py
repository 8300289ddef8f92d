"""Semi-supervised node classification with a GCN on a stochastic block model."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def make_graph(nodes=600, classes=4, p_in=0.05, p_out=0.012, features=32, signal=0.3):
    rng = np.random.default_rng(2024)
    y = rng.integers(0, classes, nodes)
    prob = np.where(y[:, None] == y[None, :], p_in, p_out)
    upper = np.triu(rng.random((nodes, nodes)) < prob, k=1)
    adj = (upper | upper.T).astype(np.float32)
    centers = rng.normal(size=(classes, features)) * signal
    x = centers[y] + rng.normal(size=(nodes, features))
    order = rng.permutation(nodes)
    masks = torch.zeros(3, nodes, dtype=torch.bool)
    masks[0, order[:80]] = True
    masks[1, order[80:200]] = True
    masks[2, order[200:]] = True
    return torch.tensor(adj), torch.tensor(x, dtype=torch.float32), torch.tensor(y), masks


def normalize_adjacency(adj):
    adj = adj + torch.eye(adj.size(0))
    inv_sqrt = adj.sum(dim=1).pow(-0.5)
    return (inv_sqrt[:, None] * adj * inv_sqrt[None, :]).to_sparse()


class GraphConv(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return torch.sparse.mm(adj, x @ self.weight) + self.bias


class GCN(nn.Module):
    def __init__(self, in_features, hidden, classes, dropout):
        super().__init__()
        self.conv1 = GraphConv(in_features, hidden)
        self.conv2 = GraphConv(hidden, classes)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.dropout(x, self.dropout, training=self.training)
        x = F.relu(self.conv1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.conv2(x, adj), dim=1)


adj, x, y, (train_mask, val_mask, test_mask) = make_graph()
adj = normalize_adjacency(adj)

torch.manual_seed(0)
model = GCN(x.size(1), 16, 4, dropout=0.5)
optimizer = torch.optim.Adam([
    {"params": model.conv1.parameters(), "weight_decay": 5e-4},
    {"params": model.conv2.parameters(), "weight_decay": 0.0},
], lr=0.01)


def accuracy(log_probs, mask):
    return (log_probs[mask].argmax(dim=1) == y[mask]).float().mean().item()


for epoch in range(1, 201):
    model.train()
    optimizer.zero_grad()
    output = model(x, adj)
    loss = F.nll_loss(output[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        model.eval()
        with torch.no_grad():
            output = model(x, adj)
        val_loss = F.nll_loss(output[val_mask], y[val_mask]).item()
        print(f"epoch {epoch:3d}  train loss {loss.item():.4f}  val loss {val_loss:.4f}  val accuracy {accuracy(output, val_mask):.3f}")

model.eval()
with torch.no_grad():
    output = model(x, adj)
print(f"test accuracy {accuracy(output, test_mask):.4f}")
