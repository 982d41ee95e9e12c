"""What an experiment is, how it is checked and planned, and how its states move. Standard library only."""
