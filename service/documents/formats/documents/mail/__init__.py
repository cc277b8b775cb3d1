"""Mail: one mail, or a mailbox of many."""
