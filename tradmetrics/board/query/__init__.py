"""Queries as data: an expression tree that renders to PromQL and is evaluated over samples in memory.

The dashboards are built from this tree, and the board reads the same text back to evaluate it. Rules take the same way.
Nothing here does I/O.
"""

from tradmetrics.board.query.durations import QueryError
from tradmetrics.board.query.evaluate import Evaluator
from tradmetrics.board.query.parse import parse
from tradmetrics.board.query.samples import Sample
from tradmetrics.board.query.tree import (
    Aggregate,
    Binary,
    Expression,
    FunctionCall,
    Matcher,
    Negate,
    Number,
    Selector,
    Subquery,
    Text,
)

__all__ = [
    "Aggregate",
    "Binary",
    "Evaluator",
    "Expression",
    "FunctionCall",
    "Matcher",
    "Negate",
    "Number",
    "QueryError",
    "Sample",
    "Selector",
    "Subquery",
    "Text",
    "parse",
]
