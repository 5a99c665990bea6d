"""Clicksign as a test account: API v3 (envelopes), webhooks, and the pages a person sends and signs with."""
