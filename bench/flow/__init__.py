"""What a step of a process costs: tasks that do nothing, through the whole mesh, beside the bare flow and DBOS.

All is durable (SQLite with synchronous=FULL, PostgreSQL with fsync), over a real Kafka, and measured in one run, since
the machine's speed changes within minutes. CPU counts every process that takes part, the broker included.
"""
