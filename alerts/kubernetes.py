"""Print manifests for prometheus-operator and Grafana's sidecar, from the same rules and dashboards as everywhere.

`python -m alerts.kubernetes --namespace monitoring --service app=bot | kubectl apply -f -` makes a PrometheusRule, a
ServiceMonitor, and a ConfigMap for each dashboard. alerts/stack/kubernetes/ has a Prometheus with Thanos and one with
Mimir that choose them by their label.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from alerts.generate import SettingsError, load, rules

DASHBOARDS: Final = Path(__file__).parent.parent / "dashboards" / "json"
PART_OF: Final = {"app.kubernetes.io/part-of": "tradmetrics"}


def manifests(
    settings: Mapping[str, Any], *, namespace: str, service: Mapping[str, str], port: str
) -> list[dict[str, Any]]:
    """Build the manifests.

    Args:
        settings: The alerts' settings, as `alerts.generate.load` returns them.
        namespace: The namespace that all of them go into.
        service: Labels of the Service in front of the trading system.
        port: Name of the Service's port that serves /metrics.

    Returns:
        A PrometheusRule, a ServiceMonitor, and one ConfigMap for each dashboard.
    """
    groups = [group for content in rules(settings).values() for group in content["groups"]]
    monitor = {
        "selector": {"matchLabels": dict(service)},
        "endpoints": [
            {
                "port": port,
                "path": "/metrics",
                "interval": "5s",
                "scrapeTimeout": "4s",
                # The job would be the Service's name, and the alerts on absence know it by this one.
                "relabelings": [{"action": "replace", "targetLabel": "job", "replacement": settings["job"]}],
            }
        ],
    }
    return [
        _resource("monitoring.coreos.com/v1", "PrometheusRule", "tradmetrics", namespace, {"spec": {"groups": groups}}),
        _resource("monitoring.coreos.com/v1", "ServiceMonitor", "tradmetrics", namespace, {"spec": monitor}),
        *(_dashboard(path, namespace) for path in sorted(DASHBOARDS.glob("*.json"))),
    ]


def _dashboard(path: Path, namespace: str) -> dict[str, Any]:
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
    name = f"tradmetrics-dashboard-{path.stem.replace('_', '-')}"
    # The label is the one that the sidecar of Grafana's Helm chart looks for unless told otherwise.
    return _resource("v1", "ConfigMap", name, namespace, {"data": {path.name: text}}, {"grafana_dashboard": "1"})


def _resource(
    version: str,
    kind: str,
    name: str,
    namespace: str,
    content: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {**PART_OF, **(labels or {})}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see the module.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 2 when the settings cannot be used.
    """
    parser = argparse.ArgumentParser(prog="python -m alerts.kubernetes", description=__doc__)
    parser.add_argument("--settings", type=Path, action="append", default=[], help="a file laid over settings.yml")
    parser.add_argument("--namespace", default="monitoring", help="(default: %(default)s)")
    parser.add_argument("--service", default="app.kubernetes.io/name=trading-bot", help="label of the bot's Service")
    parser.add_argument("--port", default="metrics", help="name of the Service's port (default: %(default)s)")
    options = parser.parse_args(arguments)
    label, _, value = options.service.partition("=")
    try:
        settings = load(options.settings)
        built = manifests(settings, namespace=options.namespace, service={label: value}, port=options.port)
    except (SettingsError, OSError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    print(yaml.safe_dump_all(built, sort_keys=False, width=1000, allow_unicode=True), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
