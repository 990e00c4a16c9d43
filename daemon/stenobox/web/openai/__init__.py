"""The audio routes of OpenAI's API, so that programs written for it work with another base URL.

What is asked for there becomes an ordinary job of interactive priority, which the page shows like any other,
and the answer waits for it. What is understood and cannot be served is refused by name: nothing is ignored.
"""
