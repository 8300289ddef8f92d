"""From findings, and from trials where there were some, to a diagnosis: which kind of cause, the causes in order, how each is proven, what stays open."""

from .causes import diagnose as diagnose
from .causes import ranked as ranked
from .model import Cause as Cause
from .model import Diagnosis as Diagnosis
from .model import Edit as Edit
from .model import Left as Left
from .model import Measurement as Measurement
from .model import Proof as Proof
from .model import Proved as Proved
from .model import Rehearsed as Rehearsed
