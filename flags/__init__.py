"""The flags of the commands, a topic a file; defined here, read in `config`."""
