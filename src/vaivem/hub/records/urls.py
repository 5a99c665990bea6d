"""Addresses of people, companies and documents."""

from django.urls import path

from vaivem.hub.records import link_views, views

urlpatterns = [
    path("", views.records, name="records"),
    path("<int:number>/", views.person, name="person"),
    path("<int:number>/join/", link_views.join, name="person_join"),
    path("<int:number>/part/", link_views.part, name="person_part"),
    path("changes/<int:number>/undo/", link_views.undo, name="person_undo"),
    path("documents/<int:conn>/<path:document>/", views.document, name="document"),
]
