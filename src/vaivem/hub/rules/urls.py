"""Addresses of rules."""

from django.urls import path

from vaivem.hub.rules import change_views, edit_views, file_views, trial_views, views

urlpatterns = [
    path("", views.rules, name="rules"),
    path("file/", file_views.from_file, name="rules_file"),
    path("file/rules.yaml", file_views.download, name="rules_download"),
    path("file/example.yaml", file_views.example, name="rules_example"),
    path("<int:number>/", views.rule, name="rule"),
    path("new/", edit_views.new, name="rule_new"),
    path("<int:number>/edit/", edit_views.edit, name="rule_edit"),
    path("<int:number>/edit/<int:revision>/", edit_views.go_back, name="rule_go_back"),
    path("<int:number>/test/", trial_views.test, name="rule_test"),
    path("<int:number>/rehearsal/", trial_views.rehearsal, name="rule_rehearsal"),
    path("<int:number>/rehearsal/stop/", trial_views.stop_rehearsal, name="rule_rehearsal_stop"),
    path("<int:number>/test/stop/", trial_views.stop_test, name="rule_test_stop"),
    path("<int:number>/publish/", change_views.publish, name="rule_publish"),
    path("<int:number>/pause/", change_views.pause, name="rule_pause"),
    path("<int:number>/limits/", change_views.limits, name="rule_limits"),
    path("<int:number>/resume/", change_views.resume, name="rule_resume"),
    path("<int:number>/versions/<int:version>/", change_views.restore, name="rule_restore"),
    path("<int:number>/duplicate/", change_views.duplicate, name="rule_duplicate"),
    path("<int:number>/bring-back/", change_views.bring_back, name="rule_bring_back"),
    path("<int:number>/remove/", change_views.remove, name="rule_remove"),
]
