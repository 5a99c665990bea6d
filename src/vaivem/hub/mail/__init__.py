"""Letters to people: composed here in their language, kept in a table, sent by a worker's chore."""
