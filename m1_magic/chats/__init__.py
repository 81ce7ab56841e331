"""Chats: which calls follow each other, and what of them is sent again."""
