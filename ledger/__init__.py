"""What it means in money: the chart of accounts, posting rules and journal entries; pure."""
