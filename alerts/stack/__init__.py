"""The monitoring stack: its configuration files, and `python -m alerts.stack`, which runs them without containers."""
