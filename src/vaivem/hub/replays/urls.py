"""Addresses of replays."""

from django.urls import path

from vaivem.hub.replays import views

urlpatterns = [
    path("", views.replays, name="replays"),
    path("ask/", views.ask, name="replay_ask"),
    path("<int:number>/", views.replay, name="replay"),
    path("<int:number>/start/", views.start, name="replay_start"),
    path("<int:number>/stop/", views.stop, name="replay_stop"),
]
