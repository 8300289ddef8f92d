# exit: 1
# says: give me data
import sys

import torch

print(torch.ones(2).sum().item())
sys.exit("give me data")
