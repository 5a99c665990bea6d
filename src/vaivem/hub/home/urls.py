"""Addresses of Home."""

from django.urls import path

from vaivem.hub.home import views

urlpatterns = [
    path("", views.home, name="home"),
    path("notices/<int:number>/away/", views.notice_away, name="notice_away"),
]
