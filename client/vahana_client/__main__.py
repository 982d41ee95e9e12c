"""`python -m vahana_client` is the `vahana` command."""

from vahana_client.cli.main import main

if __name__ == "__main__":
    main()
