"""Vaivém: a self-hosted integration hub for the tools around a sale."""

__version__ = "0.1.0"
