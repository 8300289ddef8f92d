import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
decoder = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 20))
critic = nn.Sequential(nn.Linear(4, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
main = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
other = torch.optim.Adam(critic.parameters(), lr=1e-3)
bce = nn.BCEWithLogitsLoss()
data = torch.randn(512, 4) @ torch.randn(4, 20) / 2
for step in range(40):
    x = data[torch.randint(0, 512, (64,))]
    z = encoder(x)
    ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
    loss = nn.functional.mse_loss(decoder(z), x) + 0.1 * bce(critic(z), ones)
    main.zero_grad()
    loss.backward()
    main.step()
    z = encoder(x).detach()
    real = bce(critic(torch.randn_like(z)), ones)
    fake = bce(critic(z), zeros)
    other.zero_grad()
    (real + fake).backward()
    other.step()
