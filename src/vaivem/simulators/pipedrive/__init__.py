"""A Pipedrive account, simulated: API v2 and v1, OAuth, webhooks, limits and pages."""
