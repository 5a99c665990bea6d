"""Addresses of a workspace's settings."""

from django.urls import path

from vaivem.hub.workspaces import audit_views, people_views, settings_views, token_views

urlpatterns = [
    path("", settings_views.settings, name="settings"),
    path("company/", settings_views.company, name="settings_company"),
    path("address/", settings_views.address, name="settings_address"),
    path("apps/<int:number>/remove/", settings_views.remove_app, name="oauth_app_remove"),
    path("members/", people_views.members, name="members"),
    path("members/invite/", people_views.invite, name="invite"),
    path("members/<int:number>/link/", people_views.member_link, name="member_link"),
    path("members/<int:number>/role/", people_views.change_role, name="member_role"),
    path("members/<int:number>/remove/", people_views.remove_member, name="member_remove"),
    path("invitations/<int:number>/again/", people_views.invite_again, name="invite_again"),
    path("invitations/<int:number>/withdraw/", people_views.withdraw_invitation, name="invitation_withdraw"),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/make/", token_views.make_token, name="token_make"),
    path("tokens/<int:number>/revoke/", token_views.revoke_token, name="token_revoke"),
    path("audit/", audit_views.audit_log, name="audit"),
]
