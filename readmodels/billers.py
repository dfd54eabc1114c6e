"""The views of billers, and of the rules by which customers have them paid by themselves."""

from typing import Any, Final

import msgspec

from domain.bills.autopay import Autopay, Rule
from domain.bills.biller import Biller, BillerTerms
from domain.bills.registration import Link, Registration
from readmodels.reading import PAGE_MAX, Connection, page_size

# Of each, the newest row.
BILLERS: Final = """
    SELECT b.biller_id, b.terms, b.version FROM readmodels.billers b
     WHERE b.biller_id > %(after)s {wanted}
       AND b.version = (SELECT max(v.version) FROM readmodels.billers v
                         WHERE v.biller_id = b.biller_id)
     ORDER BY {order} LIMIT %(limit)s
"""
RULES: Final = """
    SELECT r.autopay_id, r.rule, r.version FROM readmodels.autopay_rules r
     WHERE r.autopay_id > %(after)s {wanted}
       AND r.version = (SELECT max(v.version) FROM readmodels.autopay_rules v
                         WHERE v.autopay_id = r.autopay_id)
     ORDER BY r.autopay_id LIMIT %(limit)s
"""
REGISTRATIONS: Final = """
    SELECT f.registration_id, now.link, now.version
      FROM readmodels.registrations f
     CROSS JOIN LATERAL (
           SELECT v.link, v.version FROM readmodels.registrations v
            WHERE v.registration_id = f.registration_id AND v.position <= %(known_at)s
            ORDER BY v.version DESC LIMIT 1) AS now
     WHERE f.version = 1 AND f.position <= %(known_at)s AND f.registration_id > %(after)s {wanted}
     ORDER BY f.registration_id LIMIT %(limit)s
"""

_TERMS: Final = msgspec.json.Decoder(BillerTerms)
_RULES: Final = msgspec.json.Decoder(Rule)
_LINKS: Final = msgspec.json.Decoder(Link)


async def biller(connection: Connection, biller_id: int) -> Biller | None:
    rows = await _billers(connection, "AND b.biller_id = %(biller_id)s", biller_id=biller_id)
    return rows[0] if rows else None


async def billers(connection: Connection, *, limit: int, after: int = 0) -> list[Biller]:
    """All of them by rising number, from the one after `after`."""
    return await _billers(connection, "", limit=limit, after=after)


async def names(connection: Connection) -> list[str]:
    """Of those that can be paid, in the order of the alphabet; never more than a page."""
    rows = await _billers(connection, "AND b.active", order="b.name")
    return [row.terms.name for row in rows]


async def autopay_rule(connection: Connection, autopay_id: int) -> Autopay | None:
    rows = await _autopay(connection, "AND r.autopay_id = %(autopay_id)s", autopay_id=autopay_id)
    return rows[0] if rows else None


async def autopay_rules(
    connection: Connection,
    *,
    user_id: int | None = None,
    status: str | None = None,
    limit: int,
    after: int = 0,
) -> list[Autopay]:
    """Rules by rising number, from the one after `after`: a customer's, or all; of a status."""
    wanted = "" if user_id is None else "AND r.user_id = %(user_id)s"
    if status is not None:
        wanted += " AND r.status = %(status)s"
    return await _autopay(
        connection, wanted, limit=limit, after=after, user_id=user_id, status=status
    )


async def registrations(
    connection: Connection,
    known_at: int,
    *,
    registration_id: int | None = None,
    user_id: int | None = None,
    limit: int = 1,
    after: int = 0,
) -> list[Registration]:
    """Registrations by rising number, as known at a position: one, a customer's, or all."""
    wanted = "" if user_id is None else "AND f.user_id = %(user_id)s"
    if registration_id is not None:
        wanted += " AND f.registration_id = %(registration_id)s"
    found = await connection.execute(
        REGISTRATIONS.format(wanted=wanted),
        {
            "known_at": known_at,
            "registration_id": registration_id,
            "user_id": user_id,
            "limit": page_size(limit),
            "after": after,
        },
    )
    return [
        Registration(number, _LINKS.decode(link), version)
        for number, link, version in await found.fetchall()
    ]


async def _billers(
    connection: Connection,
    wanted: str,
    *,
    order: str = "b.biller_id",
    limit: int = PAGE_MAX,
    **parameters: Any,
) -> list[Biller]:
    query = BILLERS.format(wanted=wanted, order=order)
    found = await connection.execute(query, {"after": 0, "limit": page_size(limit), **parameters})
    return [
        Biller(biller_id, _TERMS.decode(terms), version)
        for biller_id, terms, version in await found.fetchall()
    ]


async def _autopay(
    connection: Connection, wanted: str, *, limit: int = PAGE_MAX, **parameters: Any
) -> list[Autopay]:
    found = await connection.execute(
        RULES.format(wanted=wanted), {"after": 0, "limit": page_size(limit), **parameters}
    )
    return [
        Autopay(autopay_id, _RULES.decode(rule), version)
        for autopay_id, rule, version in await found.fetchall()
    ]
