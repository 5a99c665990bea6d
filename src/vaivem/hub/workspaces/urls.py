"""Addresses of sign-in, the first owner, the member's own page and the workspace's settings."""

from django.urls import path

from vaivem.hub.alerts import views as alert_views
from vaivem.hub.workspaces import entry_views, invitation_views, profile_views, space_views

urlpatterns = [
    path("", entry_views.front, name="front"),
    path("start/", entry_views.start, name="start"),
    path("enter/<str:token>/", entry_views.login_link, name="login_link"),
    path("enter-by-mail/", entry_views.mail_link, name="mail_link"),
    path("invitation/<str:token>/", invitation_views.invitation, name="invitation"),
    path("workspaces/new/", space_views.new_workspace, name="new_workspace"),
    path("workspaces/<slug:slug>/leave/", space_views.leave_workspace, name="leave_workspace"),
    path("w/<slug:slug>/alerts/", alert_views.alerts, name="alerts"),
    path("alerts/stop/<str:token>/", alert_views.stop, name="alerts_stop"),
    path("language/", profile_views.language, name="language"),
    path("theme/", profile_views.theme, name="theme"),
    path("profile/", profile_views.profile, name="profile"),
]
