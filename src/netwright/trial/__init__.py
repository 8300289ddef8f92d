"""Remedies tried on the program itself: paired re-runs, a yardstick that no remedy can bend, the smallest set that heals."""

from .cure import Attempt as Attempt
from .cure import Cure as Cure
from .cure import Without as Without
from .halving import Rung as Rung
from .search import search as search
from .yardstick import Yardstick as Yardstick
from .yardstick import choose as choose
