"""One module a rival, each with ``run(problem, X, y) -> (losses of the epochs, seconds)``; add one to add a rival."""
