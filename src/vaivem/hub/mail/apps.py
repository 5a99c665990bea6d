"""Letters to people."""

from django.apps import AppConfig


class MailConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.mail"
    label = "mail"
