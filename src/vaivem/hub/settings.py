"""Django's settings. What the operator decides comes from `vaivem.config`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from vaivem.config import Config
from vaivem.logs import pages_settings
from vaivem.vault import KEY_FILE, KEY_VARIABLE, Vault

HERE = Path(__file__).parent
VAIVEM = Config.from_environment()


def _database(config: Config) -> dict[str, Any]:
    """Return where the tables are. Importing the settings never starts a server: the command line does."""
    dsn = config.database_url or config.inherited_dsn
    parts = (
        conninfo_to_dict(dsn) if dsn else {"host": "/nonexistent/database-not-started", "dbname": "vaivem"}
    )
    named = {name: str(parts.pop(name, "") or "") for name in ("dbname", "user", "password", "host", "port")}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": named["dbname"] or named["user"] or "postgres",
        "USER": named["user"],
        "PASSWORD": named["password"],
        "HOST": named["host"],
        "PORT": named["port"],
        # Under ASGI every request runs in a thread of its own, so a connection that is kept would never be
        # found again. `asgi.py` bounds how many requests, and so connections, there are at once.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **parts,
            "application_name": "vaivem web",
            # Pages may not hold back the engine: an old snapshot stops vacuum of the hot tables.
            # And they start no processes to share their work: that takes longer than most of their
            # statements do, and takes the cores from the engine.
            "options": "-c statement_timeout=15s -c lock_timeout=5s"
            " -c idle_in_transaction_session_timeout=20s -c max_parallel_workers_per_gather=0",
        },
    }


def _secrets(config: Config) -> tuple[Any, list[str]]:
    """Return Django's signing key and the ones before it; a key file is made only when it is first needed."""
    if os.environ.get(KEY_VARIABLE) or (config.data_dir / KEY_FILE).exists():
        vault = Vault.from_folder(config.data_dir)
        return vault.django_secret(), vault.django_secret_fallbacks()
    return SimpleLazyObject(lambda: Vault.from_folder(config.data_dir).django_secret()), []


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


SECRET_KEY, SECRET_KEY_FALLBACKS = _secrets(VAIVEM)
DEBUG = False
# Vaivém is reached by names that it cannot know (a server's address, a tunnel). Nothing trusts the name:
# cookies belong to the name that set them, and links for others are made from the public address.
ALLOWED_HOSTS = ["*"]
CSRF_TRUSTED_ORIGINS = [_origin(VAIVEM.public_url)] if VAIVEM.public_url else []
HTTPS = bool(VAIVEM.public_url and VAIVEM.public_url.startswith("https://"))

INSTALLED_APPS = [
    "vaivem.hub.shell",
    "vaivem.hub.workspaces",
    "vaivem.hub.dataplane",
    "vaivem.hub.connections",
    "vaivem.hub.rules",
    "vaivem.hub.home",
    "vaivem.hub.mail",
    "vaivem.hub.alerts",
    "vaivem.hub.api",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "vaivem.hub.middleware.TrustedProxyMiddleware",
    "vaivem.hub.middleware.ActorMiddleware",
    "vaivem.hub.middleware.ContentPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "vaivem.hub.middleware.MemberLanguageMiddleware",
    "vaivem.hub.middleware.KeptFormMiddleware",
    "vaivem.hub.middleware.CannotBeKeptMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]

ROOT_URLCONF = "vaivem.hub.urls"
ASGI_APPLICATION = "vaivem.hub.asgi.application"
DATABASES = {"default": _database(VAIVEM)}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# In the database, so that limits on signing in hold over several web processes, and over a restart.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "vaivem.hub.shell.context.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "vaivem.hub.shell.templatetags.shell",
                "vaivem.hub.history.tags",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
STORAGES = {"staticfiles": {"BACKEND": "vaivem.hub.shell.assets.VersionedStaticFiles"}}

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português"), ("en", "English"), ("fr", "Français"), ("es", "Español")]
LOCALE_PATHS = [HERE.parent / "locale"]
LANGUAGE_COOKIE_NAME = "vaivem_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 86400
USE_I18N = True
USE_TZ = True
TIME_ZONE = "America/Sao_Paulo"

AUTH_USER_MODEL = "workspaces.Member"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "front"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "vaivem.hub.workspaces.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # members are made by an owner, never by signing up
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody gets letters because a stranger typed their address
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_RATE_LIMITS = {
    "start": "10/m/ip",
    "login_link": "20/m/ip,3/5m/key",
    "accept_invitation": "20/m/ip",
    "invite": "60/h/user",
    "trial_letter": "10/h/user",
    "keep_form": "30/m/ip",
}
PASSWORD_RESET_TIMEOUT = 3 * 3600
USERSESSIONS_TRACK_ACTIVITY = False  # a write for each page would say little more than when it began
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Vaivém"
MFA_ADAPTER = "vaivem.hub.workspaces.second_factor.SecondFactorAdapter"

SESSION_COOKIE_NAME = "vaivem_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # the way back from a vendor's OAuth page is a top-level link
SESSION_COOKIE_AGE = 30 * 86400
CSRF_COOKIE_NAME = "vaivem_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "vaivem.hub.shell.views.csrf_failure"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # only a trusted proxy's survives
USE_X_FORWARDED_HOST = True
SECURE_HSTS_SECONDS = 30 * 86400 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a rule of 50 steps has some thousand, and the size is bounded anyway

SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the proxy in front redirects to https, if there is one

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

LOGGING = pages_settings(VAIVEM.log_form, VAIVEM.log_level)

LANGUAGE_NAMES = {code.replace("-br", "_BR"): name for code, name in LANGUAGES}
THEMES = [("auto", _("system")), ("light", _("light")), ("dark", _("dark"))]
