"""The event sink: takes every status change of the mesh to the experiment service, which keeps the history."""
