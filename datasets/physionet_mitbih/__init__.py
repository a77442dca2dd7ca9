"""The MIT-BIH Arrhythmia Database from its records, and Kaggle's rows rebuilt from it."""
