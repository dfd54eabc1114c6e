"""The event store: the `eventsourcing` library on Postgres, with our recorder and mapper.

What differs from the library's own recorder, and why:

- Appends are serialised by an advisory lock. A table lock would need rights that the program must not
  have, and would stop every writer for as long as an anti-wraparound vacuum runs.
- Positions are assigned from the head of the log under that lock, so they are gapless and grow in the
  order of commits; a follower that reads by position misses nothing.
- Nothing is retried here. A lost answer to COMMIT is settled by the command's key (see `transact`).
- Tables come from migrations; the program has no right to create any.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import IntegrityError, Mapper, OperationalError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from application import append
from application.packed import register
from ledger.journal import JournalEvent, Recorded, decode, encode


class TagMapper(Mapper[str]):
    """Stores an event as JSON under its tag. Reading looks the tag up in a table, and imports nothing.

    It encodes and decodes all by itself: the transcoder that the library hands it is not used.
    """

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        recorded = cast(Recorded, domain_event)
        return StoredEvent(
            originator_id=recorded.originator_id,
            originator_version=recorded.originator_version,
            topic=recorded.event.fact.TAG,
            state=encode(recorded.event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        event: JournalEvent[Any] = decode(stored_event.topic, stored_event.state)
        recorded = Recorded(
            originator_id=str(stored_event.originator_id),
            originator_version=stored_event.originator_version,
            position=getattr(stored_event, "id", 0),
            event=event,
        )
        return cast(DomainEventProtocol[str], recorded)


class LogRecorder(PostgresApplicationRecorder):
    """The library's recorder over our log: same reads, our append."""

    def create_table(self) -> None:
        raise RuntimeError("tables come from migrations: run `daybook migrate`")

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Append events as one commit and answer their positions.

        A version that is taken raises the library's `IntegrityError`. A lost connection raises
        `OperationalError`, and then the outcome is not known.
        """
        with self.datastore.get_connection() as connection:
            register(connection)
            try:
                with connection.transaction():
                    connection.execute(append.LOCK)
                    row = connection.execute(append.HEAD).fetchone()
                    head = append.Head(*row.values()) if row else append.ORIGIN
                    batch = append.Batch(head, append.next_instant(head))
                    for stored in stored_events:
                        stream, tag = str(stored.originator_id), stored.topic
                        batch.events.append(
                            (stream.encode(), stored.originator_version, tag.encode(), stored.state)
                        )
                    connection.execute(append.INSERT, batch.parameters())
                    connection.execute(append.NOTIFY)
            except psycopg.errors.UniqueViolation as error:
                raise IntegrityError(str(error)) from error
            except psycopg.OperationalError as error:
                raise OperationalError(str(error)) from error
        return list(range(batch.first_position, batch.last_position + 1))


class Ledger(Application[str]):
    """The library's application over the log: repository, notification log and subscriptions."""

    name = "daybook"
    env: ClassVar[dict[str, str]] = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "APPLICATION_RECORDER_TOPIC": "application.event_store:LogRecorder",
        "MAPPER_TOPIC": "application.event_store:TagMapper",
        "ORIGINATOR_ID_TYPE": "text",
        "CREATE_TABLE": "n",
    }

    def construct_env(self, name: str, env: Any = None) -> Environment:
        """Only what is passed in counts: a stray variable could switch on what loses events."""
        return Environment(name, {**self.env, **(env or {})})


def open_ledger(conninfo: str, *, pool_size: int = 2) -> Ledger:
    """The ledger of a migrated database. Close it when done."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    return Ledger(
        env={
            "POSTGRES_DBNAME": parts.get("dbname", ""),
            "POSTGRES_HOST": parts.get("host", ""),
            "POSTGRES_PORT": parts.get("port", "5432"),
            "POSTGRES_USER": parts.get("user", ""),
            "POSTGRES_PASSWORD": parts.get("password", ""),
            "POSTGRES_POOL_SIZE": str(pool_size),
            "POSTGRES_MAX_OVERFLOW": "4",
        }
    )
