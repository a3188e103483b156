"""One CoA or Disconnect over UDP by pyrad2's client; the last line printed is JSON.

usage: coa_client.py coa|disconnect ADDRESS PORT SECRET SESSION
"""

import json
import pathlib
import sys

from asking import dynamic, reported
from pyrad2.client import Client
from pyrad2.dictionary import Dictionary
from pyrad2.exceptions import Timeout

HERE = pathlib.Path(__file__).parent


def main():
    kind, address, port, secret, session = sys.argv[1:]
    client = Client(
        server=address,
        coaport=int(port),
        secret=secret.encode(),
        dict=Dictionary(str(HERE / "dictionary")),
        retries=1,
        timeout=4,
    )
    try:
        print(json.dumps(reported(client.send_packet(dynamic(client, kind, session)))))
    except Timeout:
        print(json.dumps({"code": None}))


main()
