"""Clicksign: electronic signatures (API 3.0, envelopes)."""
