"""Home: is it flowing, what needs a person, what happened."""

from django.apps import AppConfig


class HomeConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.home"
    label = "home"
