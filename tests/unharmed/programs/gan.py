import torch
from torch import nn

torch.manual_seed(2)
G = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(32, 1))
opt_g = torch.optim.Adam(G.parameters(), 2e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), 2e-4, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
for step in range(50):
    real = torch.randn(64, 2) * 0.5 + torch.tensor([1.0, -1.0])
    fake = G(torch.randn(64, 8))
    opt_d.zero_grad()
    loss_real = bce(D(real), torch.ones(64, 1))
    loss_real.backward()
    loss_fake = bce(D(fake.detach()), torch.zeros(64, 1))
    loss_fake.backward()
    opt_d.step()
    opt_g.zero_grad()
    loss_g = bce(D(fake), torch.ones(64, 1))
    loss_g.backward()
    opt_g.step()
    print(loss_real.item(), loss_fake.item(), loss_g.item())
state = {**{f"g.{k}": v for k, v in G.state_dict().items()}, **{f"d.{k}": v for k, v in D.state_dict().items()}}
