"""A server of pyrad2 for CoA and Disconnect over UDP; prints each request as a line of JSON.

usage: coa_server.py PORT SECRET
It knows the sessions coa-1 and coa-2.
"""

import json
import pathlib
import sys

from asking import reported
from pyrad2.constants import PacketType
from pyrad2.dictionary import Dictionary
from pyrad2.server import RemoteHost, Server

HERE = pathlib.Path(__file__).parent
SESSIONS = ("coa-1", "coa-2")
SESSION_CONTEXT_NOT_FOUND = 503


class Dynamic(Server):
    def handle_coa_packet(self, pkt):
        self.change(pkt, PacketType.CoAACK, PacketType.CoANAK)

    def handle_disconnect_packet(self, pkt):
        self.change(pkt, PacketType.DisconnectACK, PacketType.DisconnectNAK)

    def change(self, pkt, ack, nak):
        print(json.dumps(reported(pkt)), flush=True)
        known = pkt["Acct-Session-Id"][0] in SESSIONS
        reply = self.create_reply_packet(pkt)
        reply.code = ack if known else nak
        if not known:
            reply["Error-Cause"] = SESSION_CONTEXT_NOT_FOUND
        self.send_reply_packet(pkt.fd, reply)


def main():
    port, secret = sys.argv[1:]
    # Answers are signed only where the server is told to demand signatures; radclient of
    # Debian 12 signs nothing by itself, the suite asks it to.
    server = Dynamic(
        dict=Dictionary(str(HERE / "dictionary")),
        coaport=int(port),
        auth_enabled=False,
        acct_enabled=False,
        coa_enabled=True,
        hosts={"127.0.0.1": RemoteHost("127.0.0.1", secret.encode(), "local")},
    )
    server.bind_to_address("127.0.0.1")
    print(json.dumps({"listening": True}), flush=True)
    server.run()


main()
