"""What was concluded, as data (`model`), and its three faces: terminal, JSON, HTML. No framework is imported here."""

from .build import build_report as build_report
from .deliver import deliver as deliver
from .deliver import exit_code as exit_code
from .deliver import new_run_dir as new_run_dir
from .model import Pictures as Pictures
from .model import Report as Report
from .model import Sample as Sample
