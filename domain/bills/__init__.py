"""Bills: what customers owe to billers, how it is paid, and what becomes of each payment; pure."""
