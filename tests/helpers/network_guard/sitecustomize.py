"""Python loads this at its start where the folder is on PYTHONPATH: only this computer is reached.

Every attempt to look up or to reach another one is refused, and written to the file NETWORK_LOG.
"""

import errno
import os
import sys
from pathlib import Path

HERE = ("", "localhost", "::1", "127.0.0.1")
LOG = Path(os.environ["NETWORK_LOG"])


def refuse(event, arguments):
    """The host stands in another place for each event; paths are sockets of this computer."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host is None or host in HERE:
        return
    with LOG.open("a") as log:
        log.write(f"{event} {host}\n")
    raise OSError(errno.ENETUNREACH, "Network is unreachable")


sys.addaudithook(refuse)
