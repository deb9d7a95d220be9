"""Demo data: synthetic doctors of several Indian cities, three insurers, and a little history.

`population` makes up people from a fixed seed and knows no database. `history` lives their last
two months through the same actions that pages call, so that audit log, receipts and outbox are
true. `sign_ins` keeps the passwords and keys that the file for people needs.
"""
