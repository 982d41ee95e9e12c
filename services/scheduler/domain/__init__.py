"""What the scheduler knows of processes and tasks, without storage or wire."""
