"""One request by pyrad2's client; the last line printed says in JSON what came back.

usage: client.py METHOD ADDRESS PORT SECRET USER PASSWORD
METHOD: pap, chap, mschapv2, start, interim, stop, status-auth, status-acct,
        pap-without-message-authenticator
"""

import json
import pathlib
import secrets
import sys

import portable  # noqa: F401  (before pyrad2)
from pyrad2 import chap, mschap
from pyrad2.client import Client
from pyrad2.constants import PacketType
from pyrad2.dictionary import Dictionary
from pyrad2.exceptions import Timeout

HERE = pathlib.Path(__file__).parent


def access(client, method, user, password):
    """An Access-Request by `method`, and what is needed to judge the reply."""
    request = client.create_auth_packet(code=PacketType.AccessRequest, User_Name=user)
    request["NAS-Identifier"] = "pyrad2"
    if method.startswith("pap"):
        # Assigning by name alone would send the password in clear.
        request["User-Password"] = request.pw_crypt(password)
        return request, None
    if method == "chap":
        chap.prepare_chap_request(request, password)
        return request, None
    theirs, ours = secrets.token_bytes(16), secrets.token_bytes(16)
    response = mschap.prepare_mschap2_request(
        request,
        user_name=user,
        password=password,
        authenticator_challenge=theirs,
        peer_challenge=ours,
        ident=7,
    )

    def is_mutual(reply):
        received = reply["MS-CHAP2-Success"][0]
        return received[0] == 7 and mschap.verify_authenticator_response(
            password, response, ours, theirs, user, received
        )

    return request, is_mutual


def accounting(client, method, user):
    status = {"start": "Start", "interim": "Interim-Update", "stop": "Stop"}[method]
    request = client.create_acct_packet(User_Name=user)
    request["Acct-Status-Type"] = status
    request["Acct-Session-Id"] = "pyrad2-1"
    request["NAS-IP-Address"] = "192.0.2.9"
    request["NAS-Port"] = 3
    if method != "start":
        request["Acct-Session-Time"] = 60
        request["Acct-Input-Octets"] = 1000
    return request


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
    result = {"code": int(reply.code)}
    for name in reply.keys():
        values = reply[name]
        result[str(name)] = [v.hex() if isinstance(v, bytes) else v for v in values]
    if is_mutual is not None and reply.code == PacketType.AccessAccept:
        result["mutual"] = is_mutual(reply)
    print(json.dumps(result))


main()
