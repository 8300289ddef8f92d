"""What experiments on a copy of the captured step found. One file for each experiment; :data:`EXPERIMENTS` names them, cheapest first."""

from .gradient_check import Derivative as Derivative
from .gradient_check import GradientCheck as GradientCheck
from .overfit import Outcome as Outcome
from .overfit import Overfit as Overfit
from .overfit import OverfitRun as OverfitRun
from .range_test import RangeTest as RangeTest
from .simple_models import Baseline as Baseline
from .simple_models import FeatureFit as FeatureFit
from .simple_models import LabelIssues as LabelIssues
from .simple_models import ModelScore as ModelScore
from .simple_models import NetworkRace as NetworkRace
from .simple_models import SimpleModels as SimpleModels
from .simple_models import TokenShare as TokenShare

# By which experiment each of them is made.
EXPERIMENTS: dict[type, str] = {
    kind: kind.experiment for kind in (GradientCheck, Overfit, RangeTest, SimpleModels)
}
