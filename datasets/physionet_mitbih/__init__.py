"""The MIT-BIH Arrhythmia Database, and Kaggle's rows reconstructed from its records."""
