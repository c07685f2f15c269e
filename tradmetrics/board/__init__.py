"""`tradmetrics board`: a live page of the bots, their alerts, and the same in a terminal, in a process of its own."""
