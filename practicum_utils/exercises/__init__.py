"""What the checks of the exercises are made of: questions by kind of exercise, and refusals."""
