"""What experiments on a copy of the captured step found. One file for each experiment; :data:`EXPERIMENTS` names them, cheapest first."""

from .gradient_check import Derivative as Derivative
from .gradient_check import GradientCheck as GradientCheck
from .learning_curve import CurvePoint as CurvePoint
from .learning_curve import LearningCurve as LearningCurve
from .overfit import Outcome as Outcome
from .overfit import Overfit as Overfit
from .overfit import OverfitRun as OverfitRun
from .range_test import RangeTest as RangeTest
from .repeat_run import RepeatRun as RepeatRun
from .seeds import SeedRun as SeedRun
from .seeds import Seeds as Seeds
from .seeds import Spread as Spread

# By which experiment each of them is made.
EXPERIMENTS: dict[type, str] = {
    kind: kind.experiment for kind in (GradientCheck, Overfit, RangeTest, RepeatRun, Seeds, LearningCurve)
}
