"""An example of an executor: commands in folders of this machine."""
