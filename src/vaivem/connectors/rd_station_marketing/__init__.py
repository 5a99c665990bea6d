"""RD Station Marketing: leads, conversions, opportunities, sales and losses, over API 2.0."""
