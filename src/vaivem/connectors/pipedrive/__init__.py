"""Pipedrive: persons, organizations and deals of a sales CRM, over API v2 and, for the rest, v1."""
