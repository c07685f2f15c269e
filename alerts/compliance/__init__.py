"""Rules for desks that must show that they keep a limit: their definitions, settings, rule file and promtool tests."""
