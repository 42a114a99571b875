"""`sam local start-api` for development: the api in a container as on Lambda, all else beside it on this machine."""
