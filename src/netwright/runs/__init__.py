"""The record of every run on disk: written while the program trains, read afterwards or meanwhile. No framework is imported here."""

from .record import Record as Record
from .run import Run as Run
from .run import Unreadable as Unreadable
