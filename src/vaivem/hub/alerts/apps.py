"""Alert mails."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.alerts"
    label = "alerts"
