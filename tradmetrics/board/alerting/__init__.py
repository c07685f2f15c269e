"""The shipped alerts without Prometheus and Alertmanager: evaluated, muted, grouped and sent by the board."""
