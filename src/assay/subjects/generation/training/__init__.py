"""Programs that train makers of pictures: GANs, variational autoencoders, flow matching."""
