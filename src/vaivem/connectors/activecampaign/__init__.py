"""ActiveCampaign: contacts with tags, lists and automations, companies, deals, custom objects. API v3."""
