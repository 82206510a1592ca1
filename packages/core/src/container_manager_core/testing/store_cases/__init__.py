"""The cases of the conformance suite for stores, by what they are about."""
