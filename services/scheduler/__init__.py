"""The scheduler: walks the DAG of every launched process and opens every attempt of every task."""
