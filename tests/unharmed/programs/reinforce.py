import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(11)
policy = nn.Sequential(nn.Linear(4, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
for episode in range(50):
    logs, rewards = [], []
    state_now = torch.randn(4)
    for _ in range(10):
        choice = Categorical(logits=policy(state_now))
        action = choice.sample()
        logs.append(choice.log_prob(action))
        rewards.append(float(action.item() == int(state_now[0] > 0)))
        state_now = torch.randn(4)
    returns = torch.tensor(rewards).flip(0).cumsum(0).flip(0)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    loss = torch.stack([-l * r for l, r in zip(logs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item(), sum(rewards))
state = policy.state_dict()
