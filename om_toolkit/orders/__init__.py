"""Orders and captures as validated objects: parsing, sequences, saved documents and order ids."""
