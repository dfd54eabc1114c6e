"""Reports: sums over the journal, each of which an auditor can make again from it."""
