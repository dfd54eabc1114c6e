"""A program for the tests: end these days of a bank. `python -m tests.faults.end_of_day CONNINFO DAY...`"""

import asyncio
import datetime as dt
import sys

from daybook.end_of_day.run import Bank, end_days

if __name__ == "__main__":
    days = [dt.date.fromisoformat(day) for day in sys.argv[2:]]
    asyncio.run(end_days(Bank(conninfo=sys.argv[1]), days))
