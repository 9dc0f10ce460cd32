"""Conversations that are kept, and the usage log.

::

    database = Database()                  # SQLite in the user's data folder
    store = database.store("ada")          # what Ada sees
    conversation = await store.create_conversation(ConversationFields(title="Boats"))

A name's module is loaded when the name is first used.
"""
