"""Explicit calls, snapshots and derived statistics."""
