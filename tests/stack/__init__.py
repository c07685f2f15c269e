"""Helpers of the tests that start real servers: finding programs, starting and stopping them, asking them."""
