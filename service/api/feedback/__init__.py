"""Labels that come back from users and reviewers: feedback, review queues, files to label."""
