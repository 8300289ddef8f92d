import torch
from torch import nn

torch.manual_seed(3)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(30, 16)
        self.mu, self.logvar = nn.Linear(16, 4), nn.Linear(16, 4)
        self.dec = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 30), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z), mu, logvar


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
data = torch.rand(256, 30).round()
for step in range(50):
    x = data[torch.randint(256, (32,))]
    recon, mu, logvar = model(x)
    loss = nn.functional.binary_cross_entropy(recon, x, reduction="sum") - 0.5 * torch.sum(
        1 + logvar - mu.pow(2) - logvar.exp()
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
state = model.state_dict()
