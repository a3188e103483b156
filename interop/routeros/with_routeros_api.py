"""RouterOS-api against a router: log in, get, add, set, query, remove, and complaints.

Arguments: host, port, user, password, how to log in (plain or token). Prints one line of JSON.
"""

import json
import sys

import routeros_api
from routeros_api.exceptions import RouterOsApiCommunicationError, RouterOsApiConnectionError
from routeros_api.query import IsGreaterQuery, OrQuery


def complaint(doing):
    """The router's words where `doing` fails."""
    try:
        doing()
    except (RouterOsApiCommunicationError, RouterOsApiConnectionError) as error:
        original = getattr(error, "original_message", str(error))
        return original.decode() if isinstance(original, bytes) else original
    return ""


def pool(password):
    host, port, user, _, how = sys.argv[1:6]
    return routeros_api.RouterOsApiPool(
        host, username=user, password=password, port=int(port), plaintext_login=how == "plain"
    )


def main():
    password = sys.argv[4]
    told = {"wrong password": complaint(lambda: pool(password + "x").get_api())}
    connection = pool(password)
    api = connection.get_api()

    told["version"] = api.get_resource("/system/resource").get()[0]["version"]
    profiles = api.get_resource("/ppp/profile")
    told["before"] = [profile["name"] for profile in profiles.get()]
    profiles.add(name="guests", only_one="yes", rate_limit="1M/1M")
    (guests,) = profiles.get(name="guests")
    told["guests"] = [guests["only-one"], guests["rate-limit"]]
    profiles.set(id=guests["id"], only_one="no")
    told["changed"] = profiles.get(name="guests")[0]["only-one"]
    either = OrQuery(IsGreaterQuery("name", "zzz"), IsGreaterQuery("name", "default-f"))
    found = profiles.call("print", additional_queries=(either,))
    told["query"] = [profile["name"] for profile in found]
    told["again"] = complaint(lambda: profiles.add(name="guests"))
    told["enum"] = complaint(lambda: profiles.set(id=guests["id"], only_one="perhaps"))
    profiles.remove(id=guests["id"])
    told["after"] = [profile["name"] for profile in profiles.get()]
    told["gone"] = complaint(lambda: profiles.remove(id=guests["id"]))
    told["none"] = list(api.get_resource("/ppp/secret").get(name="nobody"))
    connection.disconnect()
    print(json.dumps(told))


main()
