"""`tradmetrics check`: which labels decorated functions record, and how many series that can become.

Everything is known before the program runs: from the decorators' sources, from annotations, and from the budgets.
"""

from tradmetrics.check.command import check

__all__ = ["check"]
