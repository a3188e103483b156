"""Requests as pyrad2 makes them, and replies as JSON."""

import secrets

import portable  # noqa: F401  (before pyrad2)
from pyrad2 import chap, mschap
from pyrad2.constants import PacketType


def access(client, method, user, password, over_tls=False):
    """An Access-Request by `method`, and what is needed to judge the reply."""
    request = client.create_auth_packet(code=PacketType.AccessRequest, User_Name=user)
    request["NAS-Identifier"] = "pyrad2"
    if method.startswith("pap"):
        if over_tls:
            # Hidden or not as the version that is agreed on wants it.
            request.set_obfuscated("User-Password", password)
        else:
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


def accounting(client, method, user, session="pyrad2-1"):
    """An Accounting-Request."""
    status = {"start": "Start", "interim": "Interim-Update", "stop": "Stop"}[method]
    request = client.create_acct_packet(User_Name=user)
    request["Acct-Status-Type"] = status
    request["Acct-Session-Id"] = session
    request["NAS-IP-Address"] = "192.0.2.9"
    request["NAS-Port"] = 3
    if method != "start":
        request["Acct-Session-Time"] = 60
        request["Acct-Input-Octets"] = 1000
    return request


def dynamic(client, kind, session):
    """A CoA-Request or Disconnect-Request for one session."""
    codes = {"coa": PacketType.CoARequest, "disconnect": PacketType.DisconnectRequest}
    request = client.create_coa_packet(code=codes[kind])
    request["Acct-Session-Id"] = session
    request["User-Name"] = "bob"
    if kind == "coa":
        request["Session-Timeout"] = 600
    return request


def reported(packet):
    """Code and attributes of a packet, for JSON."""
    result = {"code": int(packet.code)}
    for name in packet.keys():
        values = packet[name]
        result[str(name)] = [v.hex() if isinstance(v, bytes) else v for v in values]
    return result


def judged(reply, is_mutual):
    """As reported, and whether an accepting server has proved itself."""
    result = reported(reply)
    if is_mutual is not None and reply.code == PacketType.AccessAccept:
        result["mutual"] = is_mutual(reply)
    return result
