"""Arrays in the binary form of the wire protocol, packed here because the driver packs them slowly.

A batch is some twenty arrays of hundreds of elements; the driver looks up and calls a dumper for each
element, which took a fifth of the writer's time.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_HEADER: Final = struct.Struct(">iiIii")
_LENGTH: Final = struct.Struct(">i")
_INT8: Final = struct.Struct(">iq")
_NULL: Final = _LENGTH.pack(-1)


class Packed(bytes):
    """An array already in binary form."""


class Texts(Packed):
    pass


class Byteas(Packed):
    pass


class Int8s(Packed):
    pass


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        return bytes(obj)


class _TextsDumper(_PackedDumper):
    oid = 1009


class _ByteasDumper(_PackedDumper):
    oid = 1001


class _Int8sDumper(_PackedDumper):
    oid = 1016


def register(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Let a connection send packed arrays."""
    connection.adapters.register_dumper(Texts, _TextsDumper)
    connection.adapters.register_dumper(Byteas, _ByteasDumper)
    connection.adapters.register_dumper(Int8s, _Int8sDumper)


def texts(items: Sequence[bytes]) -> Texts:
    """An array of text from its elements in UTF-8."""
    return Texts(_packed(25, items))


def byteas(items: Sequence[bytes]) -> Byteas:
    return Byteas(_packed(17, items))


def int8s(items: Iterable[int | None]) -> Int8s:
    pack = _INT8.pack
    parts = [_NULL if item is None else pack(8, item) for item in items]
    return Int8s(_header(20, len(parts), _NULL in parts) + b"".join(parts))


def _packed(oid: int, items: Sequence[bytes]) -> bytes:
    """The header, then each item behind its length."""
    parts = [b""] * (2 * len(items))
    parts[::2] = map(_LENGTH.pack, map(len, items))
    parts[1::2] = items
    return _header(oid, len(items), False) + b"".join(parts)


def _header(oid: int, length: int, has_null: bool) -> bytes:
    return (
        _HEADER.pack(1, int(has_null), oid, length, 1) if length else struct.pack(">iiI", 0, 0, oid)
    )
