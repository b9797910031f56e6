"""OpenDSR 2.0: data subject requests of other privacy tools, served as jobs. See docs/how-to/opendsr.md."""
