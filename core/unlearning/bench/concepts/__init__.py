"""ConceptBench: what methods do to identities, objects and styles that a text-to-image pipeline draws."""
