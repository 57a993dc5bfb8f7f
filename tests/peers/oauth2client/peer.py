"""oauth2client 4.1.3 and google-auth, told what to do by lines of JSON on standard input.

Each line is {"do": name, ...}; each answer is one line, {"ok": value} or {"error": class}. The process ends with its input.
"""

import datetime
import importlib
import json
import logging
import os
import sys
import types
import warnings

# Python 3.13 took the old name of `warning` away, which oauth2client calls while it holds its locks.
if not hasattr(logging.Logger, "warn"):
    logging.Logger.warn = logging.Logger.warning
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import fasteners
import google.auth
import google.auth.compute_engine._metadata
import google.auth.credentials
import google.auth.transport._http_client
import google.oauth2.credentials
import httplib2
from oauth2client import client, file, service_account
from oauth2client.contrib import multiprocess_file_storage

locks = {}
storages = {}


def load(command):
    """What it makes of a credential's JSON."""
    return json.loads(client.Credentials.new_from_json(command["json"]).to_json())


def make(command):
    """Writes a credential of a class with these arguments into a file.Storage."""
    arguments = dict(command["arguments"])
    if arguments.get("token_expiry"):
        arguments["token_expiry"] = datetime.datetime.strptime(arguments["token_expiry"], "%Y-%m-%dT%H:%M:%S.%f")
    if isinstance(arguments.get("scopes"), list):
        arguments["scopes"] = set(arguments["scopes"])
    credential = getattr(client, command["class"])(**arguments)
    credential.invalid = command.get("invalid", False)
    storage(command).put(credential)
    return json.loads(credential.to_json())


def storage(command):
    if "key" in command:
        place = (command["file"], command["key"])
        if place not in storages:
            storages[place] = multiprocess_file_storage.MultiprocessFileStorage(*place)
        return storages[place]
    return file.Storage(command["file"])


def get(command):
    """What a storage gives; null where it has nothing."""
    credential = storage(command).get()
    return json.loads(credential.to_json()) if credential else None


def delete(command):
    storage(command).delete()


def token(command):
    """An access token as an application gets it: the credential of before, if there is one, refreshed if it has ended."""
    place = storage(command)
    credential = getattr(place, "_of_the_peer", None)
    if credential is None:
        credential = place._of_the_peer = place.get()
    return credential.get_access_token(httplib2.Http()).access_token


def call(command):
    """Calls an API, as `authorize` has it: a token that is refused is refreshed. The status."""
    http = storage(command).get().authorize(httplib2.Http())
    return http.request(command["url"])[0].status


def remember(command):
    """Keeps a credential in memory, as a process does that runs for long; its access token."""
    place = storage(command)
    place._of_the_peer = place.get()
    return place._of_the_peer.access_token


def google_auth(command):
    """What google-auth makes of the same."""
    credential = google.oauth2.credentials.Credentials.from_authorized_user_info(json.loads(command["json"]))
    return dict(json.loads(credential.to_json()), quota_project_id=credential.quota_project_id)


def application_default(command):
    """What oauth2client makes of application default credentials."""
    return json.loads(client.GoogleCredentials.from_stream(command["file"]).to_json())


class Loopback(google.auth.transport.Request):
    """Sends to a server on loopback what is for Google's token endpoint; the rest is on loopback anyway."""

    def __init__(self, origin):
        self.origin = origin
        self.plain = google.auth.transport._http_client.Request()

    def __call__(self, url, *arguments, **options):
        return self.plain(url.replace("https://oauth2.googleapis.com", self.origin), *arguments, **options)


def default(command):
    """The token that google-auth gets of application default credentials, in an environment with these variables alone of its own."""
    for name in command["names"]:
        os.environ.pop(name, None)
    os.environ.update(command["variables"])
    # It reads where the metadata server is when it is imported.
    importlib.reload(google.auth.compute_engine._metadata)
    request = Loopback(command["origin"])
    credential, _ = google.auth.default(scopes=command["scopes"], request=request)
    credential.refresh(request)
    return credential.token


def assertion(command):
    """What a service account sends at a time, what it signs for an API itself, and how the two are stored."""
    seconds, keyfile = command["now"], json.loads(command["file"])
    service_account.time = types.SimpleNamespace(time=lambda: seconds + 0.9)
    client._UTCNOW = lambda: datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    account = service_account.ServiceAccountCredentials.from_json_keyfile_dict(keyfile, scopes=command["scopes"])
    if command.get("subject"):
        account = account.create_delegated(command["subject"])
    own = service_account._JWTAccessCredentials.from_json_keyfile_dict(keyfile)
    own._kwargs["aud"] = command["audience"]
    text = lambda token: token.decode() if isinstance(token, bytes) else token
    signed = [text(account._generate_assertion()), text(own.get_access_token().access_token)]
    return signed + [account.to_json(), own.to_json()]


def lock(command):
    """Takes the lock as multiprocess_file_storage does; whether it was had in time."""
    lock = locks.setdefault(command["file"], fasteners.InterProcessLock(command["file"] + ".lock"))
    return lock.acquire(timeout=command["seconds"])


def unlock(command):
    locks.pop(command["file"]).release()


def count(command):
    """Adds one to the number in a file, many times, each time under the lock."""
    lock = fasteners.InterProcessLock(command["file"] + ".lock")
    for _ in range(command["times"]):
        with lock:
            with open(command["file"]) as number:
                value = int(number.read())
            with open(command["file"], "w") as number:
                number.write(str(value + 1))


TASKS = {
    task.__name__: task
    for task in (load, make, get, delete, token, call, remember, google_auth, application_default, default, assertion, lock, unlock, count)
}

for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = {"ok": TASKS[command["do"]](command)}
    except Exception as error:  # The test says what it expects.
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
