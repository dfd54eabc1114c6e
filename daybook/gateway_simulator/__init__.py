"""A payment gateway to try a bank against: another company, with its own books, and hostile on request."""
