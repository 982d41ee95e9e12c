"""The experiment service: projects, experiments, their plans, their history and their files."""
