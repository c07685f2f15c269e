"""What writes the generated pages and pictures of the documentation; see `python -m docs.tools --help`."""
