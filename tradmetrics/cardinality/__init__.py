"""Label budgets: which values a label may have, and what becomes of the rest. Pure: no prometheus_client, no clock.

Past a budget only the offending label becomes `__other__`. The other labels keep their values, and the caller records
under the labels that the guard returns, so no count is lost.
"""

from tradmetrics.cardinality.budget import LabelBudget
from tradmetrics.cardinality.guard import Guard, Labels
from tradmetrics.cardinality.limits import DEFAULT_LABEL_BUDGETS, FREE, LabelKey, Limits

__all__ = ["DEFAULT_LABEL_BUDGETS", "FREE", "Guard", "LabelBudget", "LabelKey", "Labels", "Limits"]
