"""django-oauth-toolkit on a port of 127.0.0.1, with the clients that the suites use; its database is a file that goes with it.

  stdin   the server ends when its standard input does
          "tokens" on a line of its own asks how many refresh tokens there are
  stdout  one line of JSON when it is ready: {"issuer": ..., "resource": ...}, and one for each question: {"refresh_tokens": ...,
          "live": ...}, those that were ever given and those of them that are good

Its issuer has a path, so its metadata lie where RFC 8414 section 3.1 puts them; under the issuer itself are those of OpenID
Connect alone. The resource /api/me answers with the user of a token that grants `email`, and its metadata (RFC 9728) are named by
its challenge. Refresh tokens rotate, and one that was spent ends its family. Clients may register themselves.

Clients:
  native        public, any port of 127.0.0.1 and [::1]; not of localhost
  confidential  the same with a secret, which is another one if it is not form-encoded
  device        public, on devices only: a client has one kind of grant here
"""

import json
import logging
import os
import socketserver
import sys
import tempfile
import threading
import warnings
import wsgiref.simple_server

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# What the library itself warns of are its own defaults; plain http is spoken on loopback only.
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    # Many processes connect at once.
    request_queue_size = 64


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
home = f"http://127.0.0.1:{server.server_port}"
place = tempfile.TemporaryDirectory()
key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)

LOGIN = """<form method="post">{% csrf_token %}{{ form.as_p }}<button type="submit">Log in</button></form>"""

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    LOGIN_URL="/login/",
    STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": ["django.contrib.auth.context_processors.auth"],
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"login.html": LOGIN}),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{place.name}/db.sqlite3",
            # Whoever is to write waits for its turn at the beginning, instead of failing in the middle.
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
    },
    # The passwords are no secrets, and a slow hash would cost each test a second.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    MIGRATION_MODULES={app: None for app in ["auth", "contenttypes", "sessions", "oauth2_provider"]},
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ["oauth2_provider.dcr.AllowAllDCRPermission"],
        "DEFAULT_SCOPES": ["email"],
        "OAUTH_DEVICE_VERIFICATION_URI": f"{home}/o/device/",
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"{home}/o",
        "OIDC_RSA_PRIVATE_KEY": key.decode(),
        "PKCE_REQUIRED": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ROTATE_REFRESH_TOKEN": True,
        "SCOPES": {"openid": "who you are", "email": "your address", "offline_access": "while you are away"},
    },
)
django.setup()

from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider import urls
from oauth2_provider.decorators import protected_resource
from oauth2_provider.models import Application, RefreshToken


@protected_resource(
    scopes=["email"],
    advertise_metadata=True,
    resource_metadata_url=f"{home}/.well-known/oauth-protected-resource/api/me",
)
def me(request):
    return JsonResponse({"sub": request.resource_owner.username})


# All but the metadata, whose place is at the root.
endpoints = urls.base_urlpatterns + urls.oidc_urlpatterns + urls.dcr_urlpatterns
urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("api/me", me),
    path("o/", include((endpoints, "oauth2_provider"))),
    path("", include((urls.metadata_urlpatterns, "metadata"))),
]

# The tables as they are in the end, without the history of how they came to be.
call_command("migrate", run_syncdb=True, verbosity=0)
for name in ["ann", "bob"]:
    User.objects.create_user(name, f"{name}@example.com", "password")


def client(name, grant, secret=""):
    Application.objects.create(
        client_id=name,
        name=name,
        client_secret=secret,
        client_type="confidential" if secret else "public",
        authorization_grant_type=grant,
        redirect_uris="http://127.0.0.1/cb http://[::1]/cb",
        algorithm="RS256",
    )


client("native", "authorization-code")
client("confidential", "authorization-code", "s3cr%t:+ /&=~")
client("device", "urn:ietf:params:oauth:grant-type:device_code")

server.set_app(get_wsgi_application())
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"issuer": f"{home}/o", "resource": f"{home}/api/me"}), flush=True)
for _ in sys.stdin:
    given = RefreshToken.objects.all()
    counts = {"refresh_tokens": given.count(), "live": given.filter(revoked__isnull=True).count()}
    print(json.dumps(counts), flush=True)
connection.close()
place.cleanup()
