"""What a program does, measured: no verdicts here."""
