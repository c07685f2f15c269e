"""Alerts, recording rules and the monitoring stack, generated from the catalogue and one file of settings."""
