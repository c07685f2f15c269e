"""Stand-ins for brokers on the loopback interface, so that the examples and the tests of the adapters run offline."""
