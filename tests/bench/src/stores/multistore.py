"""oauth2client's store of many, timed by itself: `multistore.py DIRECTORY`, a line for each number of records.

Each line: records, nanoseconds of a put, nanoseconds of a get; the least of some.
"""

import datetime
import os
import sys
import time

from oauth2client import client
from oauth2client.contrib import multiprocess_file_storage


def credential(user):
    end = datetime.datetime(2027, 1, 15, 8, 59, 59)
    return client.OAuth2Credentials(
        "ya29." + str(user).zfill(200), "407408718192.apps.googleusercontent.com", None, "1//" + str(user).zfill(100),
        end, "https://oauth2.googleapis.com/token", None, revoke_uri="https://oauth2.googleapis.com/revoke",
        scopes=["openid", "email"])


def least(times, action):
    taken = []
    for turn in range(times):
        start = time.perf_counter_ns()
        action(turn)
        taken.append(time.perf_counter_ns() - start)
    return min(taken)


def key(user):
    return "user-%d@example.com" % user


for records, times in [(10, 50), (1_000, 10), (100_000, 2)]:
    path = os.path.join(sys.argv[1], "%d.json" % records)
    backend = multiprocess_file_storage._get_backend(path)
    backend._credentials = {key(user): credential(user) for user in range(records)}
    with open(path, "w") as file:
        multiprocess_file_storage._write_credentials_file(file, backend._credentials)
    storage = multiprocess_file_storage.MultiprocessFileStorage(path, key(records // 2))
    put = least(times, lambda turn: storage.put(credential(turn)))
    get = least(times, lambda turn: storage.get())
    print(records, put, get, flush=True)
