"""Addresses of a workspace's settings."""

from django.urls import path

from vaivem.hub.workspaces import settings_views as views

urlpatterns = [
    path("", views.settings, name="settings"),
    path("company/", views.company, name="settings_company"),
    path("address/", views.address, name="settings_address"),
    path("members/", views.add_member, name="member_add"),
    path("members/<int:number>/link/", views.member_link, name="member_link"),
    path("members/<int:number>/role/", views.change_role, name="member_role"),
    path("members/<int:number>/remove/", views.remove_member, name="member_remove"),
    path("tokens/", views.make_token, name="token_make"),
    path("tokens/<int:number>/revoke/", views.revoke_token, name="token_revoke"),
    path("apps/<int:number>/remove/", views.remove_app, name="oauth_app_remove"),
]
