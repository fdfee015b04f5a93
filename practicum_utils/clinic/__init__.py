"""Programs to practise diagnosis on."""
