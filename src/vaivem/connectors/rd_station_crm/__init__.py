"""RD Station CRM: contacts, organizations and deals, over API v2 (OAuth) or API v1 (personal token)."""
