"""Sends one file by sendfile and drops what is uploaded, at as little cost as Python allows (`MSG_TRUNC` copies nothing)."""

import os
import socket
import sys
import threading

host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
size = os.path.getsize(path)
file = os.open(path, os.O_RDONLY)


def drop(link, left):
    space = bytearray(1 << 20)
    while left:
        count = link.recv_into(space, min(left, len(space)), socket.MSG_TRUNC)
        if not count:
            raise ConnectionError
        left -= count


def hold(link):
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seen = b""
    try:
        while True:
            while b"\r\n\r\n" not in seen:
                data = link.recv(16384)
                if not data:
                    return
                seen += data
            head, _, seen = seen.partition(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            if any(line.startswith(b"transfer-encoding:") for line in lines):
                raise ValueError("chunked uploads are not measured")
            if any(line == b"expect: 100-continue" for line in lines):
                link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            drop(link, length - len(seen[:length]))
            seen = seen[length:]
            if lines[0].startswith(b"get") and lines[0].split(b" ")[1].endswith(b"/big"):
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
                at = 0
                while at < size:
                    at += os.sendfile(link.fileno(), file, at, size - at)
            else:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (ConnectionError, OSError):
        return
    finally:
        link.close()


listener = socket.create_server((host, port), backlog=128)
while True:
    threading.Thread(target=hold, args=(listener.accept()[0],), daemon=True).start()
