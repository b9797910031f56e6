"""CCU on the reference classifier, compared with retraining and with baselines."""
