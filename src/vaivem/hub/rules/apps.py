"""Rules: their drafts, published versions and screens."""

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.rules"
    label = "rules"
