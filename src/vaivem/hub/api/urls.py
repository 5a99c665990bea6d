"""The address of the REST API."""

from django.urls import path

from vaivem.hub.api.service import api

urlpatterns = [path("", api.urls)]
