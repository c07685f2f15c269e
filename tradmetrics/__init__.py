"""Decorators that turn trading code into bounded Prometheus metrics."""
