"""The store's own statements on connections of other people: inside their transactions."""
