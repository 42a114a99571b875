"""SQS and S3 on one machine: moto behind a front that answers the hot calls fast and keeps objects on disk."""
