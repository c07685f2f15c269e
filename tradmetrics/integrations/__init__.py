"""Adapters for the libraries that trade: one file and one `instrument_…` function each, each an extra."""
