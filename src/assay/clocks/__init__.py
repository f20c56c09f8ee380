"""Analog clocks: the arithmetic of the dial, the ways to say a time to a network, the renderer.

The targets of a dataset of clocks, which the tasks, the label schemes and the renderer share, are
rows (hour, minute) or (hour, minute, twelve, minute_hand, hour_hand): hour 0..11, minute 0..59, and
then, where the renderer knows them, the directions of the dial's 12 and of both hands, in turns
clockwise, in [0, 1), from what on the dial is straight up in the picture. They are directions on
the dial, not in the picture, where a tilt distorts angles: only so is the time exactly what lies
between them. Two columns are integers, five are float32.
A dataset that can draw new pictures for every epoch has `Dataset.fresh`, a function from the number
of the epoch to a `Split` like `train`.
"""
