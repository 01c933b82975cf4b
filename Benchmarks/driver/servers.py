# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared, each started with one worker on one CPU."""

import os
import pathlib

from .process import ServerProcess, free_port
from .scenarios import Scenario

NGINX_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections {descriptors}; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 2000000000;
    keepalive_timeout 600s;
    http2_max_concurrent_streams 128;
    open_file_cache max=1000 inactive=600s;
    open_file_cache_valid 600s;
    client_body_temp_path {directory}/body;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    proxy_temp_path {directory}/proxy;
    proxy_cache_path {directory}/cache keys_zone=answers:1m inactive=1h;
    server {{
        listen 127.0.0.1:{port} backlog=4096{secure};
        ssl_certificate {root}/../localhost.pem;
        ssl_certificate_key {root}/../localhost.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets on;
        client_max_body_size 0;
        location = /redirect/0 {{ return 200; }}
        location = /plaintext {{ return 200 "Hello, World!"; }}
        location /files/ {{ alias {root}/; tcp_nopush on; }}
        location /files/100k.bin {{ alias {root}/100k.bin; }}
        location = /cached {{
            proxy_pass http://unix:{directory}/origin.sock;
            proxy_cache answers;
            proxy_cache_valid 200 1h;
            proxy_ignore_headers Cache-Control;
        }}
    }}
    server {{
        listen unix:{directory}/origin.sock;
        location = /cached {{
            add_header ETag '"cached-v1"';
            add_header Last-Modified "Wed, 01 Jan 2025 00:00:00 GMT";
            add_header Cache-Control "public, max-age=60";
            return 200 "cached\\n";
        }}
    }}
}}
"""


class Server:
    """One kind of server; start() gives a fresh process of it."""

    def __init__(self, name: str, cpu: int, directory: pathlib.Path, root: pathlib.Path):
        self.name, self.cpu, self.directory, self.root = name, cpu, directory, root

    def command(self, scenario: Scenario, port: int) -> list[str]:
        raise NotImplementedError

    def takes(self, scenario: Scenario) -> bool:
        return True

    def start(self, scenario: Scenario) -> ServerProcess:
        port = free_port()
        log = self.directory / f"{self.name}.log"
        return ServerProcess(self.name, self.command(scenario, port), port, self.cpu, log)


class TestApp(Server):
    """Our server with the test application's handlers, from one executable."""

    def __init__(self, executable: pathlib.Path, *place, name: str = "ours"):
        super().__init__(name, *place)
        self.executable = executable

    def command(self, scenario: Scenario, port: int) -> list[str]:
        certificate, key = (str(self.root.parent / name) for name in ("localhost.pem", "localhost.key"))
        listener = ["--https", f"127.0.0.1:{port}", "--cert", certificate, "--key", key]
        return [
            str(self.executable), "--workers", "1", *(listener if scenario.secure else ["--http", f"127.0.0.1:{port}"]),
            "--root", str(self.root), "--max-connections", "30000", "--idle-timeout", "600",
        ]  # fmt: skip


class Nginx(Server):
    def __init__(self, *place, descriptors: int):
        super().__init__("nginx", *place)
        self.descriptors = descriptors

    def takes(self, scenario: Scenario) -> bool:
        # Over HTTP/2 it resets the stream behind an answer that does not need the content, and curl gives up.
        return scenario.name != "upload-h2"

    def command(self, scenario: Scenario, port: int) -> list[str]:
        directory = self.directory / f"nginx-{port}"
        directory.mkdir()
        configuration = directory / "nginx.conf"
        configuration.write_text(
            NGINX_CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "",
                descriptors=self.descriptors,
                directory=directory,
                root=self.root,
                port=port,
                secure=" ssl http2" if scenario.secure else "",
            )
        )
        return ["nginx", "-e", "stderr", "-p", str(directory), "-c", str(configuration)]


class Floor(Server):
    """The C floor, answering with the bytes that our server was seen to send for the scenario."""

    def __init__(self, executable: pathlib.Path, *place):
        super().__init__("floor", *place)
        self.executable = executable
        self.captured: tuple[bytes, bytes] | None = None

    def command(self, scenario: Scenario, port: int) -> list[str]:
        command = [str(self.executable), "--port", str(port)]
        if scenario.closes:
            command.append("--close")
        if scenario.file:
            command += ["--file", str(self.root / scenario.file)]
        if self.captured is None:
            return command if scenario.file else command + ["--body-bytes", str(scenario.body_bytes)]
        head, body = self.captured
        capture = self.directory / "captured"
        capture.write_bytes(head if scenario.file else head + body)
        return command + ["--head" if scenario.file else "--response", str(capture)]
