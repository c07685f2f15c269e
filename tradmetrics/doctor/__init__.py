"""`tradmetrics doctor`: judges running bots, checks the queries of rules and dashboards, describes an installation.

Checking queries needs promql-parser and PyYAML of the extra `cli`, imported only when the command runs.
"""

from tradmetrics.doctor.command import doctor
from tradmetrics.doctor.installation import describe

__all__ = ["describe", "doctor"]
