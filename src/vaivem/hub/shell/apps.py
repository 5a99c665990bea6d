"""What every page shares: the frame, its tags and filters, error pages, assets."""

from django.apps import AppConfig


class ShellConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.shell"
    label = "shell"
