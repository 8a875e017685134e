"""``watchtower doctor``: what is wrong with a tower and its surroundings, and what mends it.

Facts are gathered by ``look_at_*`` and judged by ``of_*``, which are pure. Nothing is written, and
nothing is sent but questions.
"""
