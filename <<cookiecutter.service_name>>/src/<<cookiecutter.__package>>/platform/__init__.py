"""Technology that any service needs, and nothing of this one's business."""
