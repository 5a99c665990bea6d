"""Addresses of e-mail in Settings."""

from django.urls import path

from vaivem.hub.mail import views

urlpatterns = [
    path("", views.mail, name="mail"),
    path("trial/", views.send_trial, name="mail_trial"),
    path("<int:number>/", views.letter, name="letter"),
    path("<int:number>/html/", views.letter_html, name="letter_html"),
]
