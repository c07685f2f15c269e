"""Grafana's own display code, run by node over the dashboards."""
