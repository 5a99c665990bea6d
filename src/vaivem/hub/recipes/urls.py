"""Addresses of recipes."""

from django.urls import path

from vaivem.hub.recipes import views

urlpatterns = [
    path("", views.recipes, name="recipes"),
    path("<slug:key>/", views.recipe, name="recipe"),
    path("<slug:key>/<int:number>/", views.on, name="recipe_on"),
]
