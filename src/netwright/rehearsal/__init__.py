"""Remedies tried on copies of the recorded steps, before the program itself is run again: what an intervention changes in a re-run, it changes here in a step that is replayed."""

from .forms import treat as treat
from .forms import treated as treated
from .nominated import candidates as candidates
from .optimizers import Made as Made
from .optimizers import optimizers_of as optimizers_of
from .rehearse import rehearse as rehearse
from .sandbox import Sandbox as Sandbox
