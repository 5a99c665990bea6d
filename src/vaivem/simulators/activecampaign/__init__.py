"""ActiveCampaign as a test account: contacts with tags, lists, objects and automations, deals, webhooks."""
