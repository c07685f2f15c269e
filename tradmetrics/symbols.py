"""The import path of 0.1 for `underlying`: import it from `tradmetrics`."""

from tradmetrics.capture.sources import underlying
from tradmetrics.vocabulary.symbols import underlying_of

__all__ = ["underlying", "underlying_of"]
