"""Fuzzing: `python -m tests.fuzz` looks for input that breaks a promise, for as long as it is let."""
