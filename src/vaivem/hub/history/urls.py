"""Addresses of the history."""

from django.urls import path

from vaivem.hub.history import export, list_views, run_views

urlpatterns = [
    path("", list_views.history, name="history"),
    path("export.csv", export.history_csv, name="history_csv"),
    path("retry/", list_views.retry_picked, name="runs_retry"),
    path("events/", list_views.unused, name="unused_events"),
    path("events/<int:number>/", run_views.event, name="event"),
    path("rejected/", list_views.rejected, name="rejected"),
    path("rejected/retake/", list_views.retake_all, name="rejected_retake_all"),
    path("rejected/<int:number>/<slug:act>/", list_views.settle_rejected, name="rejected_settle"),
    path("<int:number>/", run_views.run, name="run"),
    path("<int:number>/retry/", run_views.retry, name="run_retry"),
    path("<int:number>/stop/", run_views.stop, name="run_stop"),
    path("<int:number>/decisions/<int:decision>/", run_views.decide, name="run_decide"),
]
