"""What experiments on a copy of the captured step, or on the program run again, found. One file for each; :data:`EXPERIMENTS` names them, cheapest and most telling first."""

from .forms import Forms as Forms
from .gradient_check import Derivative as Derivative
from .gradient_check import GradientCheck as GradientCheck
from .independence import FutureLeak as FutureLeak
from .independence import Independence as Independence
from .independence import InputUse as InputUse
from .independence import SampleMixing as SampleMixing
from .initial_loss import Direction as Direction
from .initial_loss import FirstLoss as FirstLoss
from .initial_loss import InitialLoss as InitialLoss
from .initial_loss import Strength as Strength
from .initial_loss import TermShare as TermShare
from .ladder import Ladder as Ladder
from .ladder import Rung as Rung
from .ladder import Stack as Stack
from .largest_batch import BatchRun as BatchRun
from .largest_batch import LargestBatch as LargestBatch
from .learning_curve import CurvePoint as CurvePoint
from .learning_curve import LearningCurve as LearningCurve
from .noise_scale import NoiseEstimate as NoiseEstimate
from .noise_scale import NoiseScale as NoiseScale
from .noise_scale import OutlyingSample as OutlyingSample
from .overfit import Outcome as Outcome
from .overfit import Overfit as Overfit
from .overfit import OverfitRun as OverfitRun
from .range_test import GroupRates as GroupRates
from .range_test import RangeTest as RangeTest
from .repeat_run import RepeatRun as RepeatRun
from .repeat_step import RepeatStep as RepeatStep
from .seeds import SeedRun as SeedRun
from .seeds import Seeds as Seeds
from .seeds import Spread as Spread
from .signal_propagation import Flow as Flow
from .signal_propagation import LayerFlow as LayerFlow
from .signal_propagation import ParameterFlow as ParameterFlow
from .signal_propagation import SignalPropagation as SignalPropagation
from .simple_models import Baseline as Baseline
from .simple_models import FeatureFit as FeatureFit
from .simple_models import Floor as Floor
from .simple_models import LabelIssues as LabelIssues
from .simple_models import ModelScore as ModelScore
from .simple_models import NetworkRace as NetworkRace
from .simple_models import SimpleModels as SimpleModels
from .simple_models import TokenShare as TokenShare
from .simple_models import Views as Views
from .step_time import RepeatedCall as RepeatedCall
from .step_time import StepTime as StepTime
from .step_time import TriedForm as TriedForm
from .weight_decay import WeightDecay as WeightDecay

# By which experiment each of them is made.
EXPERIMENTS: dict[type, str] = {
    kind: kind.experiment
    for kind in (
        InitialLoss,
        Independence,
        GradientCheck,
        SignalPropagation,
        Overfit,
        RangeTest,
        WeightDecay,
        NoiseScale,
        RepeatStep,
        StepTime,
        SimpleModels,
        Ladder,
        RepeatRun,
        Seeds,
        LearningCurve,
        LargestBatch,
    )
}
