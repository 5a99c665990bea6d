"""RD Station Marketing as a test account: leads, conversions, opportunities and sales, webhooks, pages."""
