"""From a call to its labels and its outcome."""
