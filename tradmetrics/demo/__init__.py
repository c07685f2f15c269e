"""A paper-trading session that shows every metric: `python -m tradmetrics demo`.

Three strategies trade a simulated NIFTY and BANKNIFTY option chain through a simulated broker. The world they trade
in (`clock`, `market`, `broker`, `faults`) is deterministic from a seed and knows nothing of metrics; it writes down
what happened in a `ledger`. The bot (`feed`, `desk`, `strategies`, `model`, `risk`, `account`, `api`) is instrumented
with the package's decorators, the way a user's own bot would be. `session` puts them together, `runner` and `command`
run it against the wall clock.
"""
