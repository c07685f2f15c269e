"""Tests of the alerts: worlds of scraped bots, evaluated by promtool."""
