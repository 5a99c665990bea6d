"""People and what they may see: workspaces, members, sign-in, tokens, the audit log."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """The app's name and label."""

    name = "vaivem.hub.workspaces"
    label = "workspaces"
