"""Programs that train several networks together: a GAN, a variational autoencoder."""
