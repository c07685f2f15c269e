"""PromQL expressions that rules are built from, as templates; see `alerts.model`."""


def risen(counter: str, uptime: str, window: str) -> str:
    """Build the expression of how much each series of a counter rose, for graphs whose window is a variable.

    `increase()` alone misses the value with which a labelled counter first appears, which is all there is to see of
    the first reject for a new reason. A series that was absent before the window counts with its whole value, if the
    system was scraped then, or was started since. The figure is extrapolated, as `increase()` is: rules use `rise`.

    Args:
        counter: Selector of the counter.
        uptime: Selector of the system's uptime.
        window: How long to look back.

    Returns:
        The expression, whose series have the counter's labels.
    """
    increase, last = f"increase({counter}[{window}])", f"last_over_time({counter}[{window}])"
    new = f"{last} unless {counter} offset {window}"
    there = f"{uptime} offset {window} or min_over_time({uptime}[{window}]) < 60"
    return f"{increase} > {last} or {new} and on (job, instance) ({there}) or {increase}"


def counted(counter: str, window: str = "@window", seconds: str = "@window_seconds") -> str:
    """Build the expression of how many events each series of a counter saw within a window, exactly.

    `increase()` extrapolates, and misses the first event of a kind. This expression adds up, over steps as long as a
    scrape interval, how far each step rose above the value before it. The value before is that of the previous step, or
    after a lost scrape the last value that was scraped. It is 0 in three cases: the process is a new one, because its
    uptime fell; the process was scraped without the series; the first scrape finds a process that is younger than
    the window, whether Prometheus starts its series at 0 or not. So each event counts once, in the step of the scrape
    that first showed it, whatever the phase of scrapes and evaluations. `offset -1ms` gives every window the same
    number of steps, in Prometheus 2 (which includes both ends of a range) and in Prometheus 3.

    Args:
        counter: Selector of the counter.
        window: How long to look back.
        seconds: The same, in seconds.

    Returns:
        The expression, whose series have the counter's labels.
    """
    uptime, before = "@SYSTEM_UPTIME", "offset @step"
    last_uptime = f"last_over_time(@SYSTEM_UPTIME[@gap] {before})"
    return (
        f"sum_over_time((\n"
        f"  {counter} - (\n"
        f"    ({counter} {before} or last_over_time({counter}[@gap] {before})"
        f" unless on (job, instance) {uptime} {before})\n"
        f"      <= {counter} unless on (job, instance) ({uptime} unless {last_uptime} <= {uptime})\n"
        f"    or 0 * {counter} and on (job, instance) ({last_uptime} or {uptime} <= {seconds})\n"
        f"  )\n"
        f")[{window}:@step] offset -1ms)"
    )


def rise(metric: str, by: str = "", window: str = "@window", seconds: str = "@window_seconds") -> str:
    """Build the expression of how much a counter rose within the window, see `counted`.

    Args:
        metric: Name of the counter, as a template, with matchers if need be.
        by: Further labels to keep beside job and instance, separated by commas.
        window: How long to look back.
        seconds: The same, in seconds.

    Returns:
        The expression, as a template.
    """
    labels = f"job, instance, {by}" if by else "job, instance"
    return f"sum by ({labels}) ({counted(metric, window, seconds)})"


def latest(metric: str) -> str:
    """Build the expression of a gauge's last value, which one lost scrape does not take away."""
    return f"last_over_time({metric}[@bridge])"


def age(metric: str, by: str = "") -> str:
    """Build the expression of the seconds since the newest of a gauge's timestamps."""
    labels = f"job, instance, {by}" if by else "job, instance"
    return f"time() - max by ({labels}) ({latest(metric)})"


def quantile(quantile: str, metric: str, by: str) -> str:
    """Build the expression of a quantile of a histogram.

    Args:
        quantile: The quantile, 0 to 1.
        metric: Name of the histogram, as a template.
        by: Labels to keep beside job and instance, separated by commas.

    Returns:
        The expression, as a template with `@window`.
    """
    return f"histogram_quantile({quantile}, sum by (job, instance, {by}, le) (rate(@{{{metric}}}_bucket[@window])))"
