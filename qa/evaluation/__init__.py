"""Judge the assistant on question sets; sees only questions, answers and ids."""
