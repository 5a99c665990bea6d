"""Connectors: one folder per vendor, and the SDK that their authors import."""
