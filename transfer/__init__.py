"""The plan, the engines and the run: everything that moves rows. Imports no other room."""
