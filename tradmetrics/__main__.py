"""`python -m tradmetrics` is the command `tradmetrics`."""

from tradmetrics.cli import main

main()
