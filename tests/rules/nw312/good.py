import random

import torch
import torch.nn.functional as F
from torch import nn

# A walk on eleven cells: +1 at the right end, -1 at the left end, a small cost for every step.
CELLS, GAMMA = 11, 0.9
random.seed(0)
torch.manual_seed(0)


def step(cell, action):
    cell += 1 if action == 1 else -1
    done = cell in (0, CELLS - 1)
    reward = 1.0 if cell == CELLS - 1 else -1.0 if cell == 0 else -0.05
    return cell, reward, done


def collect(episodes):
    found = []
    for _ in range(episodes):
        cell, done = random.randint(1, CELLS - 2), False
        while not done:
            action = random.randint(0, 1)
            after, reward, done = step(cell, action)
            found.append((cell, action, reward, after, float(done)))
            cell = after
    return found


memory = collect(100)
states = torch.eye(CELLS)
q = nn.Sequential(nn.Linear(CELLS, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(q.parameters(), lr=5e-3)

for update in range(300):
    cells, actions, rewards, after, done = zip(*random.sample(memory, 64))
    rewards, done = torch.tensor(rewards), torch.tensor(done)
    values = q(states[list(cells)]).gather(1, torch.tensor(actions).unsqueeze(1)).squeeze(1)
    best = q(states[list(after)]).max(dim=1).values.detach()
    target = rewards + GAMMA * (1 - done) * best
    loss = F.mse_loss(values, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

q.eval()
with torch.no_grad():
    policy = q(states[1:-1]).argmax(1).tolist()
print("policy", policy, "loss", round(loss.item(), 4))
