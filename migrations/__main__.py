"""`python -m migrations`: bring the database of DAYBOOK_DATABASE_URL up to date."""

import os
import sys

from migrations.runner import MigrationError, migrate


def main() -> int:
    conninfo = os.environ.get("DAYBOOK_DATABASE_URL", "")
    if not conninfo:
        print("DAYBOOK_DATABASE_URL must name the database to migrate", file=sys.stderr)
        return 2
    try:
        applied = migrate(conninfo)
    except MigrationError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(applied) if applied else "nothing to apply")
    return 0


if __name__ == "__main__":
    sys.exit(main())
