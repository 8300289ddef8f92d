# Deep Q-learning on a small grid world with walls, a fixed goal and a random start.
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MAZE = ["......",
        ".##.#.",
        "....#.",
        ".#....",
        ".#.##.",
        "......"]
GOAL = (5, 5)
STARTS = [(r, c) for r in range(6) for c in range(6) if MAZE[r][c] == "." and (r, c) != GOAL]
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
LIMIT = 25


class GridWorld:
    def reset(self):
        self.pos = random.choice(STARTS)
        self.steps = 0
        return self.observe()

    def observe(self):
        obs = np.zeros((6, 6), dtype=np.float32)
        obs[self.pos] = 1.0
        return obs.ravel()

    def step(self, action):
        r = self.pos[0] + MOVES[action][0]
        c = self.pos[1] + MOVES[action][1]
        if 0 <= r < 6 and 0 <= c < 6 and MAZE[r][c] == ".":
            self.pos = (r, c)
        self.steps += 1
        reached = self.pos == GOAL
        reward = 1.0 if reached else -0.02
        return self.observe(), reward, reached, reached or self.steps >= LIMIT


class ReplayBuffer:
    def __init__(self, capacity):
        self.memory = deque(maxlen=capacity)

    def push(self, *transition):
        self.memory.append(transition)

    def sample(self, n):
        obs, action, reward, next_obs, terminal = zip(*random.sample(self.memory, n))
        return (torch.from_numpy(np.stack(obs)), torch.tensor(action), torch.tensor(reward),
                torch.from_numpy(np.stack(next_obs)), torch.tensor(terminal, dtype=torch.float32))


def make_q_net():
    return nn.Sequential(nn.Linear(36, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


def act(q_net, obs, epsilon):
    if random.random() < epsilon:
        return random.randrange(4)
    with torch.no_grad():
        return q_net(torch.from_numpy(obs)).argmax().item()


def td_loss(q_net, target_net, batch, gamma):
    obs, action, reward, next_obs, terminal = batch
    q = q_net(obs).gather(1, action.unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        next_q = target_net(next_obs).max(dim=1).values
        target = reward + gamma * (1 - terminal) * next_q
    return F.smooth_l1_loss(q, target)


def success_rate(q_net, episodes=300):
    env = GridWorld()
    successes = 0
    for _ in range(episodes):
        obs, done, reached = env.reset(), False, False
        while not done:
            obs, _, reached, done = env.step(act(q_net, obs, 0.0))
        successes += reached
    return successes / episodes


def main(total_steps=5000, warmup=500, train_every=2, target_every=100, batch_size=64, gamma=0.95, seed=0):
    random.seed(seed)
    torch.manual_seed(seed)
    env, buffer = GridWorld(), ReplayBuffer(5000)
    q_net, target_net = make_q_net(), make_q_net()
    target_net.load_state_dict(q_net.state_dict())
    optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-3)
    obs = env.reset()
    updates = 0
    for step in range(1, total_steps + 1):
        epsilon = max(0.1, 1.0 - 0.9 * step / (0.6 * total_steps))
        action = act(q_net, obs, epsilon)
        next_obs, reward, reached, done = env.step(action)
        buffer.push(obs, action, reward, next_obs, reached)
        obs = env.reset() if done else next_obs
        if step > warmup and step % train_every == 0:
            loss = td_loss(q_net, target_net, buffer.sample(batch_size), gamma)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            updates += 1
            if updates % target_every == 0:
                target_net.load_state_dict(q_net.state_dict())
                print(f"step {step} epsilon {epsilon:.2f} loss {loss.item():.4f}")
    print(f"success rate {success_rate(q_net):.3f}")


if __name__ == "__main__":
    main()
