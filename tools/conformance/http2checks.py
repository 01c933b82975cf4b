# SPDX-License-Identifier: Apache-2.0
"""The list of checks of HTTP/2, and the kinds of them."""

from http2peer import Peer

CHECKS = []
WINDOW = 65535


def check(name):
    def keep(function):
        CHECKS.append((name, function))
        return function

    return keep


def wrong(name, *codes):
    """A check whose function does what must end the connection with one of the codes."""

    def keep(function):
        def run(server):
            with Peer(server.host, server.http) as peer:
                function(peer)
                peer.expect_end(*codes)

        CHECKS.append((name, run))
        return function

    return keep


def right(name):
    """A check on a fresh connection, which must work on afterwards."""

    def keep(function):
        def run(server):
            with Peer(server.host, server.http) as peer:
                function(peer)
                peer.expect_works()

        CHECKS.append((name, run))
        return function

    return keep
