"""librouteros against a router: log in, print, add, set, query, remove, and each kind of complaint.

Arguments: host, port, user, password, how to log in (plain or token). Prints one line of JSON.
"""

import json
import sys

import librouteros
from librouteros.exceptions import FatalError, TrapError
from librouteros.login import plain, token
from librouteros.query import Key, Or


def complaint(doing):
    """The words of the trap that `doing` ends in."""
    try:
        doing()
    except librouteros.exceptions.MultiTrapError as error:
        return [str(trap) for trap in error.traps]
    except TrapError as error:
        return [error.message]
    return []


def main():
    host, port, user, password, how = sys.argv[1:6]
    method = {"plain": plain, "token": token}[how]
    options = {"host": host, "port": int(port), "login_method": method}
    told = {}
    told["wrong password"] = complaint(
        lambda: librouteros.connect(username=user, password=password + "x", **options)
    )
    api = librouteros.connect(username=user, password=password, **options)

    (resource,) = tuple(api.path("system", "resource"))
    told["version"] = resource["version"]
    (incoming,) = tuple(api.path("radius", "incoming"))
    told["incoming"] = [incoming["accept"], incoming["port"]]

    radius = api.path("radius")
    told["before"] = len(tuple(radius))
    first = radius.add(address="10.0.0.1", service="ppp", secret="one", comment="first")
    second = radius.add(address="10.0.0.2", service="ppp,login", secret="two", timeout="2s")
    told["ids"] = [first, second]
    radius.update(**{".id": first, "timeout": "00:00:03", "disabled": True})
    address, disabled, timeout = Key("address"), Key("disabled"), Key("timeout")
    wanted = [Key(".id"), address, disabled, timeout]
    told["first"] = [row for row in radius.select(*wanted).where(address == "10.0.0.1")]
    told["either"] = len(
        tuple(radius.select(address).where(Or(address == "10.0.0.1", address == "10.0.0.2")))
    )
    told["enabled"] = [row["address"] for row in radius.select(address).where(disabled == False)]
    told["moved"] = tuple(radius("move", numbers=second, destination=first)) == ()
    told["order"] = [row["address"] for row in radius]
    told["enum"] = complaint(lambda: radius.add(address="10.0.0.3", service="wifi"))
    told["parameter"] = complaint(lambda: radius.add(address="10.0.0.3", nothing="x"))
    told["missing"] = complaint(lambda: radius.update(**{".id": "*FF", "realm": "x"}))
    told["command"] = complaint(lambda: tuple(radius("frobnicate")))
    told["menu"] = complaint(lambda: tuple(api("/no/such/menu/print")))
    radius.remove(first, second)
    told["after"] = len(tuple(radius))
    services = {row["name"]: row for row in api.path("ip", "service")}
    told["services"] = sorted(services)
    api.close()

    bare = librouteros.create_transport(
        host, port=int(port), timeout=10, saddr=None, ssl_wrapper=None
    )
    protocol = librouteros.protocol.ApiProtocol(transport=bare, encoding="utf-8")
    protocol.writeSentence("/system/identity/print")
    try:
        protocol.readSentence()
    except FatalError as error:
        told["fatal"] = str(error)
    bare.close()
    print(json.dumps(told))


main()
