"""Analog clocks: the arithmetic of the dial, the ways to say a time to a network, the renderer.

The targets of a dataset of clocks, which the tasks, the label schemes and the renderer share, are
rows (hour, minute) or (hour, minute, twelve, minute_hand, hour_hand): hour 0..11, minute 0..59, and
then, where the renderer knows them, the directions in the picture of the dial's 12 and of both
hands, in turns clockwise from straight up, in [0, 1). Two columns are integers, five are float32.
A dataset that can draw new pictures for every epoch has `Dataset.fresh`, a function from the number
of the epoch to a `Split` like `train`.
"""
