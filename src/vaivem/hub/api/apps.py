"""The REST API."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.api"
    label = "api"
