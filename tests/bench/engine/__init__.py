"""Our engine against its peers, same weights, same audio, same number of tokens: `make bench-engine`.

| module | owns |
| --- | --- |
| `shapes.py`, `weights.py`, `ggml.py` | models of the official shapes, the same weights in every format |
| `sound.py` | the recordings: a window of log-mel, 5 s, ten minutes, an hour |
| `peers/` | one module for each engine, all behind `peers.Engine` |
| `child.py`, `parts.py` | one engine in a process of its own; by hand, its load time and memory |
| `turns.py`, `cells.py` | what is measured, and the engines taking turns at it |
| `figures.py`, `promises.py`, `report.py` | medians and ratios; what was promised; Markdown |
| `card.py` | on CUDA: what the card itself can do |
"""
