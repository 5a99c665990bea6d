"""The Django side: pages, the REST API and the schema."""
