"""One request over RadSec by pyrad2's client; the last line printed says in JSON what came back.

usage: radsec_client.py METHOD ADDRESS PORT CERTIFICATE KEY CA VERSIONS USER PASSWORD
METHOD: pap, chap, mschapv2, start, interim, stop, status, coa, disconnect
VERSIONS: 1.0, 1.1 or 1.0,1.1
For accounting, coa and disconnect PASSWORD is the session.
"""

import asyncio
import json
import pathlib
import ssl
import sys

from asking import access, accounting, dynamic, judged
from loguru import logger
from pyrad2.dictionary import Dictionary
from pyrad2.radsec.client import RadSecClient
from pyrad2.radsec.v11 import RadiusVersion

HERE = pathlib.Path(__file__).parent
VERSIONS = {"1.0": RadiusVersion.V1_0, "1.1": RadiusVersion.V1_1}


def make(client, method, user, password):
    if method == "status":
        return client.create_status_packet(), None
    if method in ("start", "interim", "stop"):
        return accounting(client, method, user, password or "pyrad2-1"), None
    if method in ("coa", "disconnect"):
        return dynamic(client, method, password), None
    return access(client, method, user, password, over_tls=True)


async def main():
    method, address, port, certificate, key, ca, versions, user, password = sys.argv[1:]
    logger.remove()
    client = RadSecClient(
        server=address,
        port=int(port),
        dict=Dictionary(str(HERE / "dictionary")),
        retries=1,
        timeout=6,
        certfile=certificate,
        keyfile=key,
        certfile_server=ca,
        minimum_tls_version=ssl.TLSVersion.TLSv1_2,
        radius_versions=[VERSIONS[name] for name in versions.split(",")],
    )
    request, is_mutual = make(client, method, user, password)
    reply = await client.send_packet(request)
    if reply is None:
        print(json.dumps({"code": None, "error": repr(client.last_error)}))
    else:
        result = judged(reply, is_mutual)
        negotiated = client._negotiated_version
        result["radius"] = next(name for name, v in VERSIONS.items() if v == negotiated)
        print(json.dumps(result))
    # A polite end would wait half a minute for servers that do not say goodbye.
    if client._writer is not None:
        client._writer.transport.abort()


asyncio.run(main())
