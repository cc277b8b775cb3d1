"""The bundle: the folder that export writes and the service loads, its schemas, its reader and its checks."""
