"""What CCU does on the reference classifier, beside retraining and beside other methods."""
