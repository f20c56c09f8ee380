"""Programs that train several networks together: GANs and variational autoencoders."""
