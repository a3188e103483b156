"""One request by pyrad2's client; the last line printed says in JSON what came back.

usage: client.py METHOD ADDRESS PORT SECRET USER PASSWORD
METHOD: pap, chap, mschapv2, start, interim, stop, status-auth, status-acct,
        pap-without-message-authenticator
"""

import json
import pathlib
import sys

from asking import access, accounting, judged
from pyrad2.client import Client
from pyrad2.dictionary import Dictionary
from pyrad2.exceptions import Timeout

HERE = pathlib.Path(__file__).parent


def ask(client, method, user, password):
    if method.startswith("status"):
        return client.send_status_packet(port=method.removeprefix("status-")), None
    if method in ("start", "interim", "stop"):
        return client.send_packet(accounting(client, method, user)), None
    request, is_mutual = access(client, method, user, password)
    return client.send_packet(request), is_mutual


def main():
    method, address, port, secret, user, password = sys.argv[1:]
    client = Client(
        server=address,
        authport=int(port),
        acctport=int(port),
        secret=secret.encode(),
        dict=Dictionary(str(HERE / "dictionary")),
        retries=1,
        timeout=4,
        enforce_ma=method != "pap-without-message-authenticator",
    )
    try:
        reply, is_mutual = ask(client, method, user, password)
    except Timeout:
        print(json.dumps({"code": None}))
        return
    print(json.dumps(judged(reply, is_mutual)))


main()
