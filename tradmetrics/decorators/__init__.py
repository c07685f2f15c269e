"""The decorators, one file per family."""
