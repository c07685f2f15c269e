"""Definitions become guarded instruments on a `CollectorRegistry`."""
