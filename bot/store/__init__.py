"""The ports of `bot.domain.ports` on a database and a folder."""
