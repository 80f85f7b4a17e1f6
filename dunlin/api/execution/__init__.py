"""Reading in few steps: a document's selections are compiled once, and run without graphql-core's steps per field."""
