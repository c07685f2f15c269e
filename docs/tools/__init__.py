"""The generators of the documentation's pages and pictures; see `python -m docs.tools --help`."""
