"""Interventions on a copy of the captured step: each file is one experiment that returns evidence. The program's own tensors stay untouched.

Each can be used alone, ``overfit_batch(step)``, on a :class:`netwright.capture.step.Step`.
"""

from .gradient_check import gradient_check as gradient_check
from .overfit_batch import overfit_batch as overfit_batch
from .range_test import range_test as range_test
from .simple_models import simple_models as simple_models
