"""The alerts about the bot as a program: is it there, does it work, is the machine well."""

from typing import Final

from alerts.expressions import age, latest, quantile, rise
from alerts.model import Alert
from alerts.texts import BOT, COUNT, DURATION, SHARE, many
from tradmetrics.vocabulary.requests import UNKNOWN

_API: Final = "endpoint"
_FAILED: Final = f'@API_REQUESTS{{status=~"@failed", status!="{UNKNOWN}"}}'
_DISK: Final = '{fstype!~"tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|erofs"}'
_DISK_FREE: Final = f"{latest('node_filesystem_avail_bytes' + _DISK)} / {latest('node_filesystem_size_bytes' + _DISK)}"


ABSENCE: Final = (
    Alert(
        "ExporterDown",
        "Prometheus cannot scrape the bot",
        'up{job="@job"} == 0\nor absent(up{job="@job"})',
        "{{ if $labels.instance }}{{ $labels.instance }} is down{{ else }}The job @job has no target{{ end }}",
        "{{ if $labels.instance }}Prometheus cannot scrape {{ $labels.instance }} of the job @job{{ else }}"
        "Prometheus knows no target of the job @job{{ end }}: nothing about trading is known.",
    ),
    Alert(
        "TradingMetricsAbsent",
        "The bot answers without its metrics",
        'up{job="@job"} == 1\nunless on (job, instance) @SYSTEM_UPTIME',
        f"{BOT} serves no trading metrics",
        f"{BOT} is up, but serves none of the trading metrics.",
    ),
    Alert(
        "TargetGone",
        "One of several bots is no longer scraped",
        'last_over_time(up{job="@job"}[@window])\nunless up{job="@job"}\n'
        'and on (job) count by (job) (up{job="@job"})\n'
        '  < quantile_over_time(0.5, (count by (job) (up{job="@job"}))[@window:@step])',
        f"{BOT} is gone from the targets",
        f"{BOT} was a target of the job @job within @window. It is gone, and no other target took its place.",
    ),
    Alert(
        "CrashLoop",
        "The bot starts again and again",
        "resets(@SYSTEM_UPTIME[@window]) > @threshold",
        f"{BOT} restarted {COUNT} times within @window",
        f"{BOT} restarted {COUNT} times within @window (threshold: @threshold).",
    ),
    Alert(
        "HeartbeatLate",
        "A loop of the bot stands still",
        f"{age('@HEARTBEAT', 'loop')} > @threshold",
        f"{BOT}: the loop {{{{ $labels.loop }}}} has stood still for {DURATION}",
        f"The loop {{{{ $labels.loop }}}} of {BOT} called heartbeat {DURATION} ago; the process still answers.",
    ),
    Alert(
        "SamplerLate",
        "A sampled function no longer returns",
        f"(\n  time() - ({latest('@SAMPLER_LAST_SUCCESS')} > 0)\n"
        f"  or on (job, instance, function) 0 * {latest('@SAMPLER_LAST_SUCCESS')}\n"
        f"    + on (job, instance) group_left () max by (job, instance) ({latest('@SYSTEM_UPTIME')})\n"
        ") > @threshold",
        f"{BOT}: the sampler got no answer from {{{{ $labels.function }}}} for {DURATION}",
        f"The sampler of {BOT} last had an answer from {{{{ $labels.function }}}} {DURATION} ago: the figures that "
        "it feeds are old.",
    ),
    Alert(
        "MarketClosed",
        "The session of a bot is closed, so its alerts about trading are muted",
        # A process that is gone keeps its word for a while; a series that nothing renews (a push) does not count.
        "max by (job, instance) (\n"
        "  @MARKET_SESSION_OPEN unless on (job, instance) (changes(@SYSTEM_UPTIME[@live]) == 0)\n"
        "  or last_over_time(@MARKET_SESSION_OPEN[@window]) unless on (job, instance) @SYSTEM_UPTIME\n"
        "    unless on (job, instance) (changes(@SYSTEM_UPTIME[@window]) == 0)\n"
        ") == 0",
        f"{BOT}: the market is closed",
        f"The session of {BOT} is closed: Alertmanager mutes its alerts about trading.",
    ),
    Alert(
        "Watchdog",
        "Always fires, to show that alerts arrive",
        "vector(1)",
        "Alerts are being delivered",
        "This alert always fires. If its notifications stop, alerts no longer reach you.",
    ),
)

SYSTEM: Final = (
    Alert(
        "HighErrorRate",
        "High system error rate",
        f"""{rise('@SYSTEM_ERRORS{severity!~"debug|info"}', "component")}\n/ @window_seconds\n> @threshold""",
        f'{BOT}: {{{{ $value | printf "%.2f" }}}} errors a second in {{{{ $labels.component }}}}',
        f'{{{{ $labels.component }}}} of {BOT} counts {{{{ $value | printf "%.2f" }}}} errors a second within '
        "@window (threshold: @threshold).",
    ),
    Alert(
        "CriticalError",
        "An error of severity critical",
        f"""{rise('@SYSTEM_ERRORS{severity="critical"}', "component")}\n> @threshold""",
        f"{BOT}: {many('critical error', 'critical errors')} in {{{{ $labels.component }}}}",
        f"{{{{ $labels.component }}}} of {BOT} recorded {many('error', 'errors')} of severity critical within @window.",
    ),
    Alert(
        "HighApiErrorRatio",
        "Many API requests fail",
        f"{rise(_FAILED, _API)}\n/ ({rise('@API_REQUESTS', _API)} > @minimum)\n> @threshold",
        f"{BOT}: {SHARE} of the requests to {{{{ $labels.endpoint }}}} fail",
        f"{SHARE} of the requests to {{{{ $labels.endpoint }}}} from {BOT} failed within @window (threshold: "
        "@threshold_percent).",
    ),
    Alert(
        "ApiAccessDenied",
        "The API refuses the token or the account",
        f"""{rise('@API_REQUESTS{status=~"@denied"}', _API + ", status")}\n> @threshold""",
        f"{BOT}: {{{{ $labels.endpoint }}}} refused {many('request', 'requests')} ({{{{ $labels.status }}}})",
        f"{{{{ $labels.endpoint }}}} refused {many('request', 'requests')} of {BOT} with {{{{ $labels.status }}}} "
        "within @window: the token or the key may have expired, or the account or address is blocked.",
    ),
    Alert(
        "HighApiLatency",
        "API requests are slow",
        f"{quantile('@quantile', 'API_REQUEST_DURATION', 'endpoint')}\n> @threshold",
        f"{BOT}: requests to {{{{ $labels.endpoint }}}} take {DURATION}",
        f"The @quantile quantile of the requests to {{{{ $labels.endpoint }}}} from {BOT} takes {DURATION} "
        "(threshold: @threshold s).",
    ),
    Alert(
        "ClockSkew",
        "The machine's clock is wrong",
        f"abs({latest('node_timex_offset_seconds')}) > @threshold\n"
        f"or {latest('node_timex_maxerror_seconds')} >= 16 and on (job, instance) "
        f"{latest('node_timex_sync_status')} == 0",
        f"{BOT}: the clock may be off by {DURATION}",
        f"The clock of {BOT} may be off by {DURATION}: the ages of orders and data are wrong by as much, and a broker "
        "may refuse signed requests.",
    ),
    Alert(
        "DiskFilling",
        "The disk is nearly full",
        f"{_DISK_FREE} < @low\n"
        f"or {_DISK_FREE} < @threshold\n"
        f"  and predict_linear(node_filesystem_avail_bytes{_DISK}[@window], @ahead_seconds) < 0",
        f"{BOT}: {SHARE} of {{{{ $labels.mountpoint }}}} is free",
        f"{SHARE} of the disk at {{{{ $labels.mountpoint }}}} of {BOT} is free. When it is full, logs, "
        "state files and Prometheus itself stop.",
    ),
)

INSTRUMENTATION: Final = (
    Alert(
        "LabelOverflow",
        "A label has run out of its budget",
        f"{rise('@LABEL_OVERFLOW', 'metric, label')}\n> @threshold",
        f"{BOT}: {many('value', 'values')} of {{{{ $labels.label }}}} became __other__",
        f"{many('value', 'values')} of the label {{{{ $labels.label }}}} of {{{{ $labels.metric }}}} on {BOT} became "
        "__other__ within @window.",
    ),
    Alert(
        "InstrumentationErrors",
        "The instrumentation fails",
        f"{rise('@INSTRUMENTATION_ERRORS', 'site, stage')}\n> @threshold",
        f"{BOT}: {many('instrumentation error', 'instrumentation errors')} at {{{{ $labels.site }}}}",
        f"{many('error', 'errors')} at {{{{ $labels.site }}}}, stage {{{{ $labels.stage }}}}, on {BOT} within @window: "
        "the figures recorded there are incomplete.",
    ),
)
