"""Addresses of Home."""

from django.urls import path

from vaivem.hub.home import views

urlpatterns = [
    path("", views.home, name="home"),
]
