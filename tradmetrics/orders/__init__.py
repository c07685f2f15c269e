"""Orders across callbacks: joined by their ids from the submit to the end."""

from tradmetrics.orders.tracker import OrderTracker

__all__ = ["OrderTracker"]
