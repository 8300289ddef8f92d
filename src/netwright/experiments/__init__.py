"""Interventions on a copy of the captured step: each file is one experiment that returns evidence. The program's own tensors stay untouched.

Each can be used alone, ``overfit_batch(step)``, on a :class:`netwright.capture.step.Step`. Those that run the whole program again take a :class:`netwright.rerun.Command`.
"""

from .gradient_check import gradient_check as gradient_check
from .learning_curve import learning_curve as learning_curve
from .overfit_batch import overfit_batch as overfit_batch
from .range_test import range_test as range_test
from .repeat_run import repeat_run as repeat_run
from .seeds import seeds as seeds
