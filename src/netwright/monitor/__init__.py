"""The watch over a whole run, after the pre-flight: what it reads, when, and what that may cost.

Importing this package imports torch.
"""

from .watcher import Watcher as Watcher
