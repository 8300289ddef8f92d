"""Interventions on a copy of the captured step: each file is one experiment that returns evidence. The program's own tensors stay untouched.

Each can be used alone, ``overfit_batch(step)``, on a :class:`netwright.capture.step.Step`. Those that run the whole program again take a :class:`netwright.rerun.Command`.
"""

from .gradient_check import gradient_check as gradient_check
from .independence import independence as independence
from .initial_loss import initial_loss as initial_loss
from .ladder import ladder as ladder
from .learning_curve import learning_curve as learning_curve
from .noise_scale import noise_scale as noise_scale
from .overfit_batch import overfit_batch as overfit_batch
from .range_test import range_test as range_test
from .repeat_run import repeat_run as repeat_run
from .repeat_step import repeat_step as repeat_step
from .seeds import seeds as seeds
from .signal_propagation import signal_propagation as signal_propagation
from .simple_models import simple_models as simple_models
from .step_time import step_time as step_time
from .weight_decay import weight_decay as weight_decay
