"""What the doctor is made of: measurements, verdicts, the report."""
