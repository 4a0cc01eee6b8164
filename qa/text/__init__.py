"""What text is made of: language, sentences, search tokens, quantities and names."""
