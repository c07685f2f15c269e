"""What a metric is and what a label value is."""
