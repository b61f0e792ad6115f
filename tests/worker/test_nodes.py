"""Where the ranks of several nodes meet."""

from __future__ import annotations

import socket

import pytest

from an_cli.errors import LaunchError
from an_cli.worker.nodes import FIRST_PORT, PORTS, free_port


def nobody(port: int) -> bool:
    return False


def test_a_start_of_a_job_has_its_own_port_and_keeps_it() -> None:
    starts = [f"{job}_{task}.{restart}" for job in (7, 8) for task in range(10) for restart in range(5)]
    ports = {start: free_port(start, nobody) for start in starts}
    assert len(set(ports.values())) >= 95
    assert all(FIRST_PORT <= port < FIRST_PORT + PORTS for port in ports.values())
    assert ports == {start: free_port(start, nobody) for start in starts}


def test_a_port_that_is_taken_is_passed_over() -> None:
    port = free_port("7_0.0")
    with socket.create_server(("", port)):
        assert free_port("7_0.0") != port
    with pytest.raises(LaunchError, match="no port is free"):
        free_port("7_0.0", lambda port: True)
