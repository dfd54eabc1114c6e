"""What a loan costs and when: due dates, day counts, schedules and rates of return; pure arithmetic."""
