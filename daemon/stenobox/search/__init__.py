"""The search over all transcripts: `index` keeps the index of `db/steps` in step, `query` reads what people
type, `passages` shows where the words are, `finding` is what the rest calls.
"""
