"""A RadSec server of pyrad2 that prints every request it handles as a line of JSON.

usage: radsec_server.py PORT CERTIFICATE KEY CA VERSIONS
VERSIONS: 1.0, 1.1 or 1.0,1.1
It knows bob with the password "hello world", and the sessions coa-1 and coa-2.
"""

import asyncio
import json
import pathlib
import ssl
import sys

from asking import reported
from loguru import logger
from pyrad2.constants import PacketType
from pyrad2.dictionary import Dictionary
from pyrad2.radsec.server import RadSecServer
from pyrad2.radsec.v11 import RadiusVersion
from pyrad2.server import RemoteHost

HERE = pathlib.Path(__file__).parent
VERSIONS = {"1.0": RadiusVersion.V1_0, "1.1": RadiusVersion.V1_1}
PASSWORDS = {"bob": "hello world"}
SESSIONS = ("coa-1", "coa-2")
SESSION_CONTEXT_NOT_FOUND = 503


def tell(packet):
    line = reported(packet)
    line["radius"] = "1.1" if packet.radius_version == RadiusVersion.V1_1 else "1.0"
    print(json.dumps(line), flush=True)


class Server(RadSecServer):
    async def handle_access_request(self, packet):
        tell(packet)
        name = packet["User-Name"][0]
        password = PASSWORDS.get(name)
        if "CHAP-Password" in packet:
            good = password is not None and packet.verify_chap_passwd(password)
        elif packet.radius_version == RadiusVersion.V1_1:
            good = packet["User-Password"][0] == password
        else:
            good = packet.pw_decrypt(packet.get(2)[0]) == password
        reply = packet.create_reply()
        reply.code = PacketType.AccessAccept if good else PacketType.AccessReject
        reply["Reply-Message"] = f"pyrad2 knows {name}" if good else "no"
        return reply

    async def handle_accounting(self, packet):
        tell(packet)
        return packet.create_reply()

    async def handle_coa(self, packet):
        return self.change(packet, PacketType.CoAACK, PacketType.CoANAK)

    async def handle_disconnect(self, packet):
        return self.change(packet, PacketType.DisconnectACK, PacketType.DisconnectNAK)

    def change(self, packet, ack, nak):
        tell(packet)
        known = packet["Acct-Session-Id"][0] in SESSIONS
        reply = packet.create_reply()
        reply.code = ack if known else nak
        if not known:
            reply["Error-Cause"] = SESSION_CONTEXT_NOT_FOUND
        return reply


async def main():
    port, certificate, key, ca, versions = sys.argv[1:]
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    server = Server(
        listen_address="127.0.0.1",
        listen_port=int(port),
        hosts={"127.0.0.1": RemoteHost("127.0.0.1", b"radsec", "local")},
        dictionary=Dictionary(str(HERE / "dictionary")),
        verify_packet=True,
        certfile=certificate,
        keyfile=key,
        ca_certfile=ca,
        minimum_tls_version=ssl.TLSVersion.TLSv1_2,
        radius_versions=[VERSIONS[name] for name in versions.split(",")],
    )
    running = asyncio.create_task(server.run())
    await asyncio.sleep(0.1)
    print(json.dumps({"listening": True}), flush=True)
    await running


asyncio.run(main())
