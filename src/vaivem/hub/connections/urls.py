"""Addresses of connections. The way back from every vendor's sign-in is one address, the state says whose."""

from django.urls import include, path

from vaivem.hub.connections import change_views, connect_views, list_views, oauth_pages, test_account_views

in_workspace = [
    path("", list_views.connections, name="connections"),
    path("new/", connect_views.choose, name="connect_choose"),
    path("new/<slug:key>/", connect_views.connect, name="connect"),
    path("new/<slug:key>/app/", oauth_pages.enter_app, name="oauth_app"),
    path("new/<slug:key>/stage/<slug:name>/", connect_views.stage, name="connect_stage"),
    path("<int:number>/", list_views.connection, name="connection"),
    path("<int:number>/test/", change_views.test, name="connection_test"),
    path("<int:number>/reconnect/", connect_views.reconnect, name="reconnect"),
    path("<int:number>/name/", change_views.change_name, name="connection_name"),
    path("<int:number>/settings/", change_views.settings, name="connection_settings"),
    path("<int:number>/prepare/<slug:choice>/", change_views.prepare, name="connection_prepare"),
    path("<int:number>/remove/", change_views.remove, name="connection_remove"),
]

urlpatterns = [
    path("oauth/callback", oauth_pages.callback, name="oauth_callback"),
    path("w/<slug:slug>/test-accounts/", test_account_views.listing, name="test_accounts"),
    path("w/<slug:slug>/test-accounts/connect/", test_account_views.connect, name="test_accounts_connect"),
    path("w/<slug:slug>/connections/", include(in_workspace)),
]
