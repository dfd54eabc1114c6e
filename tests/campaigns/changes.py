"""What a superuser can do to the evidence, as SQL; each change answers how many rows it touched.

`at` and `other` are two positions, `bit` is a large random number.
"""

from typing import Final, LiteralString

CHANGES_OF_EVENTS: Final[dict[str, list[LiteralString]]] = {
    "a bit of the state": [
        """UPDATE daybook_events SET state = set_bit(state, %(bit)s %% (8 * length(state)), 1 -
                  get_bit(state, %(bit)s %% (8 * length(state)))) WHERE notification_id = %(at)s"""
    ],
    "a letter of the tag": [
        """UPDATE daybook_events SET topic = overlay(topic PLACING 'x' FROM 1 + %(bit)s %% length(topic))
            WHERE notification_id = %(at)s AND substr(topic, 1 + %(bit)s %% length(topic), 1) <> 'x'"""
    ],
    "a letter of the stream": [
        """UPDATE daybook_events SET originator_id = originator_id || '9'
            WHERE notification_id = %(at)s"""
    ],
    "the version": [
        """UPDATE daybook_events SET originator_version = originator_version + 1 + %(bit)s %% 9
            WHERE notification_id = %(at)s"""
    ],
    "the position": [
        """UPDATE daybook_events SET notification_id = notification_id + 100000
            WHERE notification_id = %(at)s"""
    ],
    "a row deleted": ["DELETE FROM daybook_events WHERE notification_id = %(at)s"],
    "the tail deleted": ["DELETE FROM daybook_events WHERE notification_id >= %(at)s"],
    "a row deleted, the others renumbered": [
        """WITH gone AS (DELETE FROM daybook_events WHERE notification_id = %(at)s)
           UPDATE daybook_events SET notification_id = notification_id - 1
            WHERE notification_id > %(at)s"""
    ],
    "a row inserted, the others renumbered": [
        """UPDATE daybook_events SET notification_id = notification_id + 1
            WHERE notification_id >= %(at)s""",
        """INSERT INTO daybook_events
           SELECT originator_id, originator_version, topic, state, %(at)s FROM daybook_events
            WHERE notification_id = %(other)s + (%(other)s >= %(at)s)::integer""",
    ],
    "a row appended within the log": [
        """INSERT INTO daybook_events
           SELECT originator_id, originator_version, topic, state, %(at)s FROM daybook_events
            WHERE notification_id = %(other)s"""
    ],
    "who did it": [
        """UPDATE daybook_events SET state = convert_to(
                  replace(convert_from(state, 'UTF8'), '"actor":"', '"actor":"x'), 'UTF8')
            WHERE notification_id = %(at)s"""
    ],
    "two states exchanged": [
        """UPDATE daybook_events SET state = CASE notification_id
                  WHEN %(at)s THEN (SELECT state FROM daybook_events WHERE notification_id = %(other)s)
                  ELSE (SELECT state FROM daybook_events WHERE notification_id = %(at)s) END
            WHERE notification_id IN (%(at)s, %(other)s)"""
    ],
    "two rows exchanged": [
        """UPDATE daybook_events SET notification_id = %(at)s + %(other)s - notification_id
            WHERE notification_id IN (%(at)s, %(other)s)"""
    ],
}

# The commit that holds the position `at`, and that which holds `other`.
CHANGES_OF_COMMITS: Final[dict[str, list[LiteralString]]] = {
    "a bit of the peaks": [
        """UPDATE commits SET peaks = set_bit(peaks, %(bit)s %% (8 * length(peaks)), 1 -
                  get_bit(peaks, %(bit)s %% (8 * length(peaks))))
            WHERE %(at)s BETWEEN first_position AND last_position"""
    ],
    "the last position": [
        """UPDATE commits SET last_position = last_position + 1
            WHERE %(at)s BETWEEN first_position AND last_position"""
    ],
    "the first position": [
        """UPDATE commits SET first_position = first_position + 1
            WHERE %(at)s BETWEEN first_position AND last_position"""
    ],
    "when it was recorded": [
        """UPDATE commits SET recorded_at = recorded_at + interval '1 microsecond'
            WHERE %(at)s BETWEEN first_position AND last_position"""
    ],
    "a row deleted": ["DELETE FROM commits WHERE %(at)s BETWEEN first_position AND last_position"],
    "the tail deleted": ["DELETE FROM commits WHERE last_position >= %(at)s"],
    "a row inserted": [
        """INSERT INTO commits SELECT last_position, first_position,
                  recorded_at + interval '1 second', peaks FROM commits
            WHERE %(at)s BETWEEN first_position AND last_position"""
    ],
}

# The record of the command whose last event stands at the position `at`.
CHANGES_OF_COMMANDS: Final[dict[str, LiteralString]] = {
    "a bit of the request": """
        UPDATE commands SET request = set_bit(request, %(bit)s %% (8 * length(request)), 1 -
               get_bit(request, %(bit)s %% (8 * length(request)))) WHERE position = %(at)s""",
    "a figure of the answer": """
        UPDATE commands SET answer = convert_to(translate(convert_from(answer, 'UTF8'),
               '0123456789', '1234567890'), 'UTF8') WHERE position = %(at)s""",
    "the status": "UPDATE commands SET status = status + 1 WHERE position = %(at)s",
    "the key": "UPDATE commands SET key = key || 'x' WHERE position = %(at)s",
    "the principal": "UPDATE commands SET principal = 'user-99' WHERE position = %(at)s",
    "the position": "UPDATE commands SET position = position - 1 WHERE position = %(at)s",
    "the record": "DELETE FROM commands WHERE position = %(at)s",
    "two answers": """
        UPDATE commands c SET answer = o.answer FROM commands o
         WHERE c.position = %(at)s AND o.position = %(other)s""",
}

# `which` chooses a row.
CHANGES_OF_THE_SEALED: Final[dict[str, LiteralString]] = {
    "tiles: a bit of the hashes": """
        UPDATE tiles SET hashes = set_bit(hashes, %(bit)s %% (8 * length(hashes)), 1 -
               get_bit(hashes, %(bit)s %% (8 * length(hashes))))
         WHERE (level, number) = (SELECT level, number FROM tiles ORDER BY level, number
               OFFSET %(which)s %% (SELECT count(*) FROM tiles) LIMIT 1)""",
    "tiles: a bit of the root": """
        UPDATE tiles SET root = set_bit(root, %(bit)s %% 256, 1 - get_bit(root, %(bit)s %% 256))
         WHERE (level, number) = (SELECT level, number FROM tiles ORDER BY level, number
               OFFSET %(which)s %% (SELECT count(*) FROM tiles) LIMIT 1)""",
    "tiles: a row deleted before others": """
        DELETE FROM tiles WHERE (level, number) = (0, 0)""",
    "tiles: another number": """
        UPDATE tiles SET number = number + 10 WHERE (level, number) = (0, 1)""",
    "tiles: two rows exchanged": """
        UPDATE tiles t SET root = o.root, hashes = o.hashes FROM tiles o
         WHERE (t.level, t.number, o.level, o.number) IN ((0, 0, 0, 1), (0, 1, 0, 0))""",
    "checkpoints: a letter of the note": """
        UPDATE checkpoints SET note = overlay(note PLACING '~' FROM 1 + %(bit)s %% length(note))
         WHERE size = (SELECT size FROM checkpoints ORDER BY size
               OFFSET %(which)s %% (SELECT count(*) FROM checkpoints) LIMIT 1)""",
    "checkpoints: a bit of the root": """
        UPDATE checkpoints SET root = set_bit(root, %(bit)s %% 256, 1 - get_bit(root, %(bit)s %% 256))
         WHERE size = (SELECT size FROM checkpoints ORDER BY size
               OFFSET %(which)s %% (SELECT count(*) FROM checkpoints) LIMIT 1)""",
    "checkpoints: the size": """
        UPDATE checkpoints SET size = size - 1
         WHERE size = (SELECT size FROM checkpoints ORDER BY size
               OFFSET %(which)s %% (SELECT count(*) FROM checkpoints) LIMIT 1)""",
    "checkpoints: a row deleted": """
        DELETE FROM checkpoints
         WHERE size = (SELECT size FROM checkpoints ORDER BY size
               OFFSET %(which)s %% (SELECT count(*) FROM checkpoints) LIMIT 1)""",
}
