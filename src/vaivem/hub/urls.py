"""Every address of the hub. A workspace's pages live under /w/<its slug>/; strangers get 404 there."""

from django.urls import include, path

from vaivem.hub.mail import out_views
from vaivem.hub.shell import views as shell_views

urlpatterns = [
    path("", include("vaivem.hub.workspaces.urls")),
    path("w/<slug:slug>/", include("vaivem.hub.home.urls")),
    path("w/<slug:slug>/glossary/", shell_views.glossary, name="glossary"),
    path("w/<slug:slug>/settings/", include("vaivem.hub.workspaces.settings_urls")),
    path("w/<slug:slug>/settings/mail/", include("vaivem.hub.mail.urls")),
    path("unsubscribe/<slug:token>/", out_views.unsubscribe, name="unsubscribe"),
    path("", include("vaivem.hub.connections.urls")),
    path("w/<slug:slug>/recipes/", include("vaivem.hub.recipes.urls")),
    path("w/<slug:slug>/rules/", include("vaivem.hub.rules.urls")),
    path("w/<slug:slug>/records/", include("vaivem.hub.records.urls")),
    path("w/<slug:slug>/decisions/", include("vaivem.hub.decisions.urls")),
    path("w/<slug:slug>/history/replays/", include("vaivem.hub.replays.urls")),
    path("w/<slug:slug>/history/", include("vaivem.hub.history.urls")),
    path("api/v1/", include("vaivem.hub.api.urls")),
    path("account/", include("vaivem.hub.workspaces.account_urls")),
]

handler400 = "vaivem.hub.shell.views.bad_request"
handler403 = "vaivem.hub.shell.views.forbidden"
handler404 = "vaivem.hub.shell.views.not_found"
handler500 = "vaivem.hub.shell.views.failed"
