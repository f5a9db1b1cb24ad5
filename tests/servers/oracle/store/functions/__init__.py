"""The functions behind Oracle's: `ora_` and the name that it has there, over values as they are held.

NULL gives NULL where nothing else is said.
"""

from . import choices, moments, numbers, texts
from .registry import AGGREGATES, ASKING, FUNCTIONS, Context

__all__ = ["AGGREGATES", "ASKING", "FUNCTIONS", "Context", "choices", "moments", "numbers", "texts"]
