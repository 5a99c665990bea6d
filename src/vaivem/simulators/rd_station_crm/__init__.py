"""RD Station CRM as a test account: APIs v1 and v2 over one account state, with the pages a person uses."""
