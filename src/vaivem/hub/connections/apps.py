"""Accounts at vendors: connecting, testing, reconnecting, removing."""

from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.connections"
    label = "connections"
