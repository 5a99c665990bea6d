"""Addresses of sign-in, the first owner, the member's own page and the workspace's settings."""

from django.urls import path

from vaivem.hub.workspaces import entry_views, profile_views

urlpatterns = [
    path("", entry_views.front, name="front"),
    path("start/", entry_views.start, name="start"),
    path("enter/<str:token>/", entry_views.login_link, name="login_link"),
    path("language/", profile_views.language, name="language"),
    path("theme/", profile_views.theme, name="theme"),
    path("profile/", profile_views.profile, name="profile"),
]
