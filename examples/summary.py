"""What the examples print at their end: every counter that has counted."""


def print_counters(metrics):
    """Print the trading counters of a metrics object that are above zero, with their labels."""
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            if metric.type == "counter" and sample.name.startswith("trading_") and sample.value:
                labels = ", ".join(f"{name}={value}" for name, value in sample.labels.items())
                print(f"{sample.value:12,.10g}  {sample.name:36}{labels}")
