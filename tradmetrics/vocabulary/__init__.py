"""The words of brokers, one spelling each: words, dialects, symbols, numbers, times, and outcomes of exceptions."""

from tradmetrics.vocabulary.fold import register_spellings

__all__ = ["register_spellings"]
