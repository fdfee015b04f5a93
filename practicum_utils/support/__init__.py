"""What every room stands on: the machine and session, files, errors, HTML, progress."""
