"""The bare flow, as fast as it gets: the same messages between three small processes, and nothing else.

Launches go to a scheduler, tasks to an executor, events to the scheduler and a sink, each with a SQLite database of its
own (synchronous=FULL), an outbox and an inbox, over the same Kafka. There is no gRPC, no retry, no lease, no history,
no authentication. It is what the mesh is measured against: the cost of the flow itself.
"""
