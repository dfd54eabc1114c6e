"""The keys of persons against the log, for one who has the key that wraps them.

A person's key opens what the log holds of him, and the names that he signs in by are those in it. So a key
that was exchanged, a name that was given to another and a secret that names are not made with are found.
"""

from typing import Final

from application.key_encryption import KeyEncryption, KeyRefused, WrappedKey
from application.keyring import (
    NAMES,
    Keyring,
    PersonKey,
    context_of_ledger_key,
)
from application.sealing import Unreadable
from application.users import EMAIL, USERNAME, open_details
from daybook.self_audit.findings import USERS, Findings
from daybook.self_audit.log_in_order import Connection
from domain.customer import stream_of
from ledger.journal import decode

FETCH: Final = 500

LEDGER_KEYS: Final = "SELECT name, kek, wrapped FROM ledger_keys ORDER BY name"
# Whoever was erased has neither key nor names, which is looked at elsewhere.
PERSONS: Final = """
    SELECT user_id, u.username_key, u.email_key, k.key_id, k.kek, k.wrapped,
           e.notification_id, e.originator_version, e.topic, e.state
      FROM (SELECT user_id, username_key, email_key FROM users WHERE erased_at IS NULL) u
      FULL JOIN person_keys k USING (user_id)
      LEFT JOIN LATERAL (
           SELECT notification_id, originator_version, topic, state FROM daybook_events
            WHERE originator_id = 'customer-' || user_id
              AND topic IN ('customer.registered.1', 'customer.details-changed.1')
            ORDER BY originator_version DESC LIMIT 1) AS e ON true
     ORDER BY user_id
"""


def audit_keys(
    connection: Connection, encryption: KeyEncryption, head: int, findings: Findings
) -> int:
    """How many keys of persons open what the log holds of them. Raises `KeysUnavailable`.

    Within a database transaction of the caller, who may see keys.
    """
    opened = 0
    keyring = _keyring(connection, encryption, head, findings)
    with connection.cursor("persons", binary=True) as cursor:
        cursor.itersize = FETCH
        cursor.execute(PERSONS)
        for user_id, *row in cursor:
            detail = None if keyring is None else _wrong(keyring, user_id, *row)
            if detail is not None:
                position = row[5] or max(head, 1)
                findings.add(USERS, position, detail, stream=stream_of(user_id))
            opened += keyring is not None and detail is None
    return opened


def _keyring(
    connection: Connection, encryption: KeyEncryption, head: int, findings: Findings
) -> Keyring | None:
    """The keyring, if the secret of the ledger opens; there is no other of its keys."""
    found = None
    for name, kek, wrapped in connection.execute(LEDGER_KEYS, binary=True).fetchall():
        try:
            secret = encryption.unwrap(WrappedKey(kek, wrapped), context_of_ledger_key(name))
        except KeyRefused as error:
            findings.add(
                USERS, max(head, 1), f"the key {name} of the ledger does not open: {error}"
            )
            continue
        if name == NAMES:
            found = Keyring(encryption, secret)
        else:
            findings.add(USERS, max(head, 1), f"the ledger has no key {name}")
    return found


def _wrong(
    keyring: Keyring,
    user_id: int,
    username_key: str | None,
    email_key: str | None,
    key_id: str | None,
    kek: str | None,
    wrapped: bytes | None,
    _position: int | None,
    version: int,
    tag: str | None,
    state: bytes,
) -> str | None:
    """What is wrong with the key or the names of a person."""
    if key_id is None or kek is None or wrapped is None:
        return f"person {user_id} has no key"
    if username_key is None or email_key is None or tag is None:
        return f"there is a key of person {user_id}, who is not there"
    fact = decode(tag, state).fact
    if fact.key_id != key_id:
        return f"the key of person {user_id} is not the one that the log names"
    try:
        key = keyring.opened(user_id, PersonKey(key_id, WrappedKey(kek, wrapped)))
        details = open_details(key, user_id, version, fact.details)
    except (KeyRefused, Unreadable) as error:
        return f"the key of person {user_id} does not open what the log holds of him: {error}"
    for kind, claimed in ((USERNAME, username_key), (EMAIL, email_key)):
        if keyring.claim_of(kind, details[kind]) != claimed:
            return f"person {user_id} signs in by another {kind} than the log holds"
    return None
