"""Reading the clock in a photo: detection, test-time augmentation, and a calibrated confidence."""
