import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)

batch = torch.zeros(4, 3, 16, 16, dtype=torch.float16)

conv = nn.Conv2d(3, 16, kernel_size=3, padding=1).to(torch.float16)
nn.init.zeros_(conv.weight)
nn.init.zeros_(conv.bias)

optimizer = torch.optim.Adam(conv.parameters(), lr=0.001, eps=1e-8)

for step in range(3):
    optimizer.zero_grad()
    hidden = F.relu(conv(batch))
    loss = hidden.mean()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}, kernel[0,0]: {conv.weight[0, 0, 0].tolist()}")

finite = torch.isfinite(conv.weight).float().mean().item()
print(f"finite weights: {finite:.2f}")
