"""A signature system that exists only in tests."""
