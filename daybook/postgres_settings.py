"""How an embedded Postgres is set: durable, for one machine that it shares with the program."""

import os
from collections.abc import Mapping

MEGABYTE = 1024 * 1024
SHARED_BUFFERS_MIN = 128
SHARED_BUFFERS_MAX = 2048


def shared_buffers(memory_bytes: int) -> str:
    """An eighth of the machine's memory, within bounds. It is taken page by page, as it is filled."""
    eighth = memory_bytes // 8 // MEGABYTE
    return f"{min(max(eighth, SHARED_BUFFERS_MIN), SHARED_BUFFERS_MAX)}MB"


# On the command line of the server, so that ALTER SYSTEM cannot take durability away.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": shared_buffers(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
    "max_connections": "100",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
THROW_AWAY: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_compression": "off",  # it would take most of the time of CREATE DATABASE
    "autovacuum": "off",
}
# Where the server has it: it notes which pages are in its buffers, and reads them again at the next start.
WARMING_LIBRARY = "pg_prewarm"
WARMING: Mapping[str, str] = {"shared_preload_libraries": WARMING_LIBRARY}
