"""REINFORCE on a batch of cart-pole systems simulated in parallel."""
import math

import torch
import torch.nn as nn
from torch.distributions import Categorical

SEED = 0
NUM_ENVS = 16
MAX_STEPS = 200
ITERATIONS = 60
GAMMA = 0.99


class CartPole:
    """The dynamics of Barto, Sutton and Anderson (1983), vectorized."""

    gravity, mass_cart, mass_pole, half_length, force, dt = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, n):
        self.n = n

    def reset(self):
        self.state = torch.rand(self.n, 4) * 0.1 - 0.05
        return self.state.clone()

    def step(self, action):
        x, x_dot, theta, theta_dot = self.state.unbind(dim=1)
        force = torch.where(action == 1, self.force, -self.force)
        total_mass = self.mass_cart + self.mass_pole
        cos, sin = torch.cos(theta), torch.sin(theta)
        temp = (force + self.mass_pole * self.half_length * theta_dot ** 2 * sin) / total_mass
        theta_acc = (self.gravity * sin - cos * temp) / (
            self.half_length * (4.0 / 3.0 - self.mass_pole * cos ** 2 / total_mass))
        x_acc = temp - self.mass_pole * self.half_length * theta_acc * cos / total_mass
        self.state = torch.stack([x + self.dt * x_dot, x_dot + self.dt * x_acc,
                                  theta + self.dt * theta_dot, theta_dot + self.dt * theta_acc], dim=1)
        failed = (self.state[:, 0].abs() > 2.4) | (self.state[:, 2].abs() > 12 * math.pi / 180)
        return self.state.clone(), failed


class Policy(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, hidden), nn.Tanh(), nn.Linear(hidden, 2))

    def forward(self, obs):
        return Categorical(logits=self.net(obs))


@torch.no_grad()
def rollout(env, policy):
    observations, actions, alive_masks = [], [], []
    obs = env.reset()
    alive = torch.ones(env.n, dtype=torch.bool)
    for _ in range(MAX_STEPS):
        action = policy(obs).sample()
        observations.append(obs)
        actions.append(action)
        alive_masks.append(alive)
        obs, failed = env.step(action)
        alive = alive & ~failed
        if not alive.any():
            break
    return torch.stack(observations), torch.stack(actions), torch.stack(alive_masks)


def discounted_returns(rewards):
    returns = torch.zeros_like(rewards)
    running = torch.zeros(rewards.size(1))
    for t in reversed(range(rewards.size(0))):
        running = rewards[t] + GAMMA * running
        returns[t] = running
    return returns


def main():
    torch.manual_seed(SEED)
    env = CartPole(NUM_ENVS)
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    history = []
    for iteration in range(ITERATIONS):
        obs, actions, alive = rollout(env, policy)
        returns = discounted_returns(alive.float())[alive]
        advantages = (returns - returns.mean()) / (returns.std() + 1e-8)
        log_prob = policy(obs[alive]).log_prob(actions[alive])
        loss = -(log_prob * advantages).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean_length = alive.sum(dim=0).float().mean().item()
        history.append(mean_length)
        if (iteration + 1) % 10 == 0:
            print(f"iteration {iteration + 1:3d}  loss {loss.item():+.4f}  episode length {mean_length:.1f}")
    print(f"mean episode length (last 10 iterations) {sum(history[-10:]) / 10:.2f}")


if __name__ == "__main__":
    main()
