"""The Vahana client: connections to a mesh, the local mesh, and the `vahana` command."""
