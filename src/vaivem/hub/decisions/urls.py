"""Addresses of the decisions."""

from django.urls import path

from vaivem.hub.decisions import views

urlpatterns = [
    path("", views.decisions, name="decisions"),
    path("<int:number>/", views.decision, name="decision"),
    path("<int:number>/look/", views.look, name="decision_look"),
]
