"""The definition of a metric, and the text of a label value."""
