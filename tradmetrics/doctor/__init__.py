"""`tradmetrics doctor`: do the queries of rules and dashboards name what exists, and is what exists recorded and used.

Needs the extra `cli` (promql-parser and PyYAML), imported only when the command runs.
"""

from tradmetrics.doctor.command import doctor

__all__ = ["doctor"]
