"""Attacks on the ways out of the package, with figures: `python -m tests.attack`."""
