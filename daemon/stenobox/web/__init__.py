"""HTTP: one table of routes (`routes.py`), a pipeline before them (`middleware.py`), one module per area.

Handlers parse, call one function of the product, and render; rules live below, SQL nowhere here.
"""
