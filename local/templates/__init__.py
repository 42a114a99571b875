"""template.yaml and the stacks inside it, as they are written and as they would be deployed."""
