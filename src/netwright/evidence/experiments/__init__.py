"""What experiments on a copy of the captured step found. One file for each experiment; :data:`EXPERIMENTS` names them, cheapest first."""

from .gradient_check import Derivative as Derivative
from .gradient_check import GradientCheck as GradientCheck
from .noise_scale import NoiseEstimate as NoiseEstimate
from .noise_scale import NoiseScale as NoiseScale
from .noise_scale import OutlyingSample as OutlyingSample
from .overfit import Outcome as Outcome
from .overfit import Overfit as Overfit
from .overfit import OverfitRun as OverfitRun
from .range_test import RangeTest as RangeTest

# By which experiment each of them is made.
EXPERIMENTS: dict[type, str] = {
    kind: kind.experiment for kind in (GradientCheck, NoiseScale, Overfit, RangeTest)
}
