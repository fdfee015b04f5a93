"""For instructors: build the notebooks from the lesson sources, check and run them."""
