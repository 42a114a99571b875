"""The one artifact that every function runs: built for Lambda from the hashed lock, on any machine."""
