"""Verdicts: each rule takes measurements and names one kind of bug, or nothing."""
