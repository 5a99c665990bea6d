"""Addresses of e-mail in Settings."""

from django.urls import path

from vaivem.hub.mail import out_views, views

urlpatterns = [
    path("", views.mail, name="mail"),
    path("trial/", views.send_trial, name="mail_trial"),
    path("opted-out/", out_views.opted_out, name="opted_out"),
    path("opted-out/<int:number>/remove/", out_views.remove, name="opted_out_remove"),
    path("<int:number>/", views.letter, name="letter"),
    path("<int:number>/html/", views.letter_html, name="letter_html"),
]
