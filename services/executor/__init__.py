"""The executor: does the tasks, over SSH, on the users' clusters."""
